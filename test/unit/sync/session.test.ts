import { describe, expect, it } from 'vitest'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { HELLO_WITHIN_MS, PING_EVERY_MS, SILENCE_MS_MAX, VECTORS_IN_FLIGHT_MAX } from '../../../shared/limits.ts'
import { isPlaceValid } from '../../../shared/sync/places.ts'
import { type Action, createSession, type Session } from '../../../shared/sync/session.ts'
import type { Message, Place } from '../../../shared/wire/messages.ts'

const ALICE = 'aaaaaaaaaaaaaaaa'
const RELAY = 'eeeeeeeeeeeeeeee'
const EPOCH = '1111111111111111'
const ref = (document: string) => ({ document, epoch: FIRST_EPOCH, gc: true })
const entries = (document: string, through: number): Message => ({
  type: 'entries',
  ...ref(document),
  through,
  runs: [],
})
const vector = (document: string, reply = false): Message => ({
  type: 'vector',
  ...ref(document),
  vector: new Map(),
  reply,
})

function dialer(place?: Place): Session {
  const session = createSession({ role: 'dialer', replica: ALICE, now: 0 })
  session.hello('all', '', place)
  return session
}

const welcome = (head: number, resumed: boolean): Message => ({
  type: 'welcome',
  version: 1,
  replica: RELAY,
  epoch: EPOCH,
  head,
  resumed,
})

const did = (actions: readonly Action[]): string[] => actions.map((action) => action.do)
const sent = (actions: readonly Action[]): Message[] =>
  actions.flatMap((action) => (action.do === 'send' ? [action.message] : []))
const placeOf = (actions: readonly Action[]): Place | undefined =>
  actions.flatMap((action) => ('place' in action && action.place !== undefined ? [action.place] : []))[0]

describe('the session of the side that connects', () => {
  it('goes on at its place: what follows is stored with the place it ends at', () => {
    const alice = dialer({ epoch: EPOCH, offset: 7 })
    expect(did(alice.receive(welcome(9, true), 0))).toEqual(['welcomed'])
    expect(placeOf(alice.receive(entries('a', 8), 0))).toEqual({ epoch: EPOCH, offset: 8 })
    expect(alice.phase).toBe('live')
  })

  it('[P4] ends a conversation whose log goes back or stands still', () => {
    for (const through of [7, 8]) {
      const alice = dialer({ epoch: EPOCH, offset: 7 })
      alice.receive(welcome(9, true), 0)
      alice.receive(entries('a', 8), 0)
      expect(did(alice.receive(entries('a', through), 0))).toEqual(['send', 'end'])
      expect(alice.phase).toBe('ended')
      expect(alice.receive(entries('a', 12), 0)).toEqual([])
    }
  })

  it('[P2] hands out no place while anything before it is still to come', () => {
    const alice = dialer()
    expect(did(alice.receive(welcome(20, false), 0))).toEqual(['welcomed'])
    expect(did(alice.receive({ type: 'catalog', documents: [], last: true }, 0))).toEqual(['compare'])
    alice.differ([{ ref: ref('a'), vector: new Map() }], true)
    expect(placeOf(alice.receive(entries('b', 21), 0))).toBeUndefined()
    const done = alice.receive(vector('a'), 0)
    expect(did(done)).toEqual(['serve', 'fetched', 'settled'])
    expect(placeOf(done)).toEqual({ epoch: EPOCH, offset: 21 })
    expect(placeOf(alice.receive(entries('b', 22), 0))).toEqual({ epoch: EPOCH, offset: 22 })
  })

  it('[P2] a fetch that becomes necessary later holds the place back again', () => {
    const alice = dialer({ epoch: EPOCH, offset: 1 })
    alice.receive(welcome(1, true), 0)
    alice.differ([{ ref: ref('a'), vector: new Map() }])
    expect(alice.fetching('a')).toBe(true)
    expect(placeOf(alice.receive(entries('a', 2), 0))).toBeUndefined()
    expect(placeOf(alice.receive(vector('a'), 0))).toEqual({ epoch: EPOCH, offset: 2 })
  })

  it('[P7] keeps a bounded number of version vectors under way', () => {
    const alice = dialer()
    alice.receive(welcome(0, false), 0)
    const documents = Array.from({ length: 3 * VECTORS_IN_FLIGHT_MAX }, (_, i) => ({
      ref: ref(`d${i}`),
      vector: new Map(),
    }))
    const asked = sent(alice.differ(documents, true))
    expect(asked).toHaveLength(VECTORS_IN_FLIGHT_MAX)
    let answered = 0
    while (asked.length > 0) {
      const next = asked.shift() as Extract<Message, { type: 'vector' }>
      asked.push(...sent(alice.receive(vector(next.document), 0)))
      answered++
      expect(asked.length).toBeLessThanOrEqual(VECTORS_IN_FLIGHT_MAX)
    }
    expect(answered).toBe(documents.length)
  })

  it('follows the log into a new epoch', () => {
    const alice = dialer({ epoch: EPOCH, offset: 5 })
    alice.receive(welcome(5, true), 0)
    alice.receive({ type: 'epoch', epoch: '2222222222222222', start: 5 }, 0)
    expect(placeOf(alice.receive(entries('a', 6), 0))).toEqual({ epoch: '2222222222222222', offset: 6 })
  })

  it('asks for a sign of life, and gives up on silence', () => {
    const alice = dialer()
    alice.receive(welcome(0, false), 0)
    expect(did(alice.tick(PING_EVERY_MS - 1))).toEqual([])
    expect(did(alice.tick(PING_EVERY_MS))).toEqual(['ping'])
    expect(did(alice.tick(PING_EVERY_MS + 1))).toEqual([])
    alice.heard(PING_EVERY_MS + 2)
    expect(did(alice.tick(SILENCE_MS_MAX + 1))).toEqual(['ping'])
    expect(did(alice.tick(PING_EVERY_MS + 3 + SILENCE_MS_MAX))).toEqual(['send', 'end'])
  })
})

describe('the session of the side that is connected to', () => {
  const hello: Message = {
    type: 'hello',
    oldestVersion: 1,
    newestVersion: 9,
    replica: ALICE,
    scope: 'all',
    token: '',
  }

  it('[P9] takes nothing before hello, one hello only, and no message that only a relay sends', () => {
    for (const message of [entries('a', 0), vector('a'), welcome(0, true)]) {
      expect(did(createSession({ role: 'listener', replica: RELAY, now: 0 }).receive(message, 0))).toEqual([
        'send',
        'end',
      ])
    }
    for (const message of [hello, welcome(1, true), entries('a', 3)]) {
      const relay = createSession({ role: 'listener', replica: RELAY, now: 0 })
      expect(did(relay.receive(hello, 0))).toEqual(['greet'])
      relay.welcome({ replica: RELAY, epoch: EPOCH, head: 0, resumed: false })
      expect(did(relay.receive(message, 0))).toEqual(['send', 'end'])
    }
  })

  it('says so where no version is common', () => {
    const relay = createSession({ role: 'listener', replica: RELAY, now: 0 })
    const [first] = sent(relay.receive({ ...hello, oldestVersion: 8 }, 0))
    expect(first).toMatchObject({ type: 'failure', code: 'version' })
  })

  it('[P7] waits a bounded time for a greeting', () => {
    const relay = createSession({ role: 'listener', replica: RELAY, now: 0 })
    expect(did(relay.tick(HELLO_WITHIN_MS))).toEqual([])
    expect(did(relay.tick(HELLO_WITHIN_MS + 1))).toEqual(['send', 'end'])
  })
})

describe('places', () => {
  const epochs = [
    { epoch: 'first', start: 0 },
    { epoch: 'second', start: 10 },
  ]

  it('[P4] count while their epoch is known and nothing was rewritten under them', () => {
    expect(isPlaceValid({ epoch: 'first', offset: 10 }, epochs, 15)).toBe(true)
    expect(isPlaceValid({ epoch: 'first', offset: 11 }, epochs, 15)).toBe(false)
    expect(isPlaceValid({ epoch: 'second', offset: 15 }, epochs, 15)).toBe(true)
    expect(isPlaceValid({ epoch: 'second', offset: 16 }, epochs, 15)).toBe(false)
    expect(isPlaceValid({ epoch: 'second', offset: 3 }, epochs, 15)).toBe(true)
    expect(isPlaceValid({ epoch: 'never', offset: 0 }, epochs, 15)).toBe(false)
  })
})
