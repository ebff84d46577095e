import { describe, expect, it } from 'vitest'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { DIGEST_BYTES_MAX, DIGEST_PART_BYTES_MAX } from '../../../shared/limits.ts'
import { type Action, createSession, type Session } from '../../../shared/sync/session.ts'
import type { Message, Piece } from '../../../shared/wire/messages.ts'

const ALICE = 'aaaaaaaaaaaaaaaa'
const RELAY = 'eeeeeeeeeeeeeeee'
const EPOCH = '1111111111111111'
const NOTE = { document: 'note', epoch: FIRST_EPOCH, gc: true }

const piece = (index: number, count: number, through = 0): Piece => ({
  type: 'piece',
  ...NOTE,
  through,
  id: '0123456789abcdef',
  index,
  count,
  size: 2,
  bytes: Uint8Array.of(0, 0),
  vector: index === count - 1 ? new Map() : undefined,
})

function dialer(resumed: boolean): Session {
  const session = createSession({ role: 'dialer', replica: ALICE, now: 0 })
  session.hello('all', '', resumed ? { epoch: EPOCH, offset: 7 } : undefined)
  session.receive({ type: 'welcome', version: 1, replica: RELAY, epoch: EPOCH, head: 9, resumed }, 0)
  return session
}

function listener(): Session {
  const session = createSession({ role: 'listener', replica: RELAY, now: 0 })
  session.receive(
    { type: 'hello', oldestVersion: 1, newestVersion: 1, replica: ALICE, scope: 'all', token: '', place: undefined },
    0,
  )
  session.welcome({ replica: RELAY, epoch: EPOCH, head: 0, resumed: false })
  return session
}

const did = (actions: readonly Action[]): string[] => actions.map((action) => action.do)
const sent = (actions: readonly Action[]): Message[] =>
  actions.flatMap((action) => (action.do === 'send' ? [action.message] : []))
const endCode = (actions: readonly Action[]): string | undefined =>
  actions.flatMap((action) => (action.do === 'end' ? [action.code] : []))[0]

describe('pieces', () => {
  it('[P4] of the stream move the place with the last one', () => {
    const alice = dialer(true)
    const [first] = alice.receive(piece(0, 2), 0)
    expect(first).toEqual({ do: 'piece', piece: piece(0, 2), place: undefined })
    const [last] = alice.receive(piece(1, 2, 8), 0)
    expect(last).toEqual({ do: 'piece', piece: piece(1, 2, 8), place: { epoch: EPOCH, offset: 8 } })
    expect(endCode(alice.receive(piece(1, 2, 8), 0))).toBe('protocol')
  })

  it('[P3] of the stream are left to the answer while their document is being fetched', () => {
    const alice = dialer(true)
    alice.differ([{ ref: NOTE, vector: new Map() }])
    expect(alice.receive(piece(0, 1, 8), 0)).toEqual([])
    expect(did(alice.receive(piece(0, 1), 0))).toEqual(['piece'])
  })

  it('are asked for with what is held already', () => {
    const partial = { id: '0123456789abcdef', pieces: 3 }
    const asked = sent(dialer(true).differ([{ ref: NOTE, vector: new Map(), stateVector: Uint8Array.of(0), partial }]))
    expect(asked).toEqual([
      { type: 'vector', ...NOTE, vector: new Map(), stateVector: Uint8Array.of(0), partial, reply: true },
    ])
  })

  it('[P9] of a client have no place in the log of a relay', () => {
    expect(did(listener().receive(piece(0, 2), 0))).toEqual(['piece'])
    expect(endCode(listener().receive(piece(1, 2, 8), 0))).toBe('protocol')
  })
})

describe('tombstones', () => {
  it('[P4] move the place as entries do', () => {
    const alice = dialer(true)
    const message: Message = { type: 'tombstone', ...NOTE, epoch: '000000010123456789abcdef', through: 8 }
    const [action] = alice.receive(message, 0)
    expect(action).toEqual({
      do: 'deleted',
      ref: { document: 'note', epoch: '000000010123456789abcdef', gc: true },
      place: { epoch: EPOCH, offset: 8 },
    })
    expect(endCode(alice.receive(message, 0))).toBe('protocol')
  })
})

describe('a digest', () => {
  it('travels in parts that other messages come between', () => {
    const bytes = new Uint8Array(2 * DIGEST_PART_BYTES_MAX + 5).map((_, i) => i % 251)
    const parts = sent(listener().digest([bytes, Uint8Array.of(7)]))
    expect(parts).toHaveLength(4)
    const alice = dialer(false)
    const actions = parts.flatMap((part) => [...alice.receive(part, 0), ...alice.receive(piece(0, 1), 0)])
    const digests = actions.flatMap((action) => (action.do === 'digest' ? [action.bytes] : []))
    expect(digests).toEqual([bytes, Uint8Array.of(7)])
    expect(did(actions).filter((each) => each === 'piece')).toHaveLength(4)
  })

  it('[P9] has no place where nothing is compared', () => {
    const alice = dialer(true)
    expect(endCode(alice.receive({ type: 'digest', last: true, bytes: Uint8Array.of(1) }, 0))).toBe('protocol')
  })

  it('[P7] without end is cut off', () => {
    const relay = listener()
    const part: Message = { type: 'digest', last: false, bytes: new Uint8Array(DIGEST_PART_BYTES_MAX) }
    let code: string | undefined
    let parts = 0
    for (; code === undefined && parts <= DIGEST_BYTES_MAX / DIGEST_PART_BYTES_MAX; parts++) {
      code = endCode(relay.receive(part, 0))
    }
    expect(code).toBe('too-big')
    expect(parts).toBe(DIGEST_BYTES_MAX / DIGEST_PART_BYTES_MAX + 1)
  })
})
