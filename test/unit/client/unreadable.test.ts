/** What a relay sends and this client cannot read: that document is left out, and everything else goes on. */
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { type Dial, dialWebSocket } from '../../../client/connection/socket.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { deletionsOfMany, lettersOfMany } from '../../support/many-deletions.ts'
import { createOwnStore } from '../../support/stores.ts'
import { createBench } from '../server/bench.ts'
import { rejoinClient } from '../server/rejoin-client.ts'
import { startRelay, until } from '../server/support.ts'
import { allRead, isSynced, startClient } from './support.ts'

test('[P9][P10] a relay joins nothing that is more than one update may be', () => {
  const bench = createBench()
  const origin = 'a'.repeat(16)
  const where = { document: 'many', epoch: FIRST_EPOCH, gc: true }
  const records: UpdateRecord[] = []
  for (const bytes of [...lettersOfMany(), ...deletionsOfMany()]) {
    const chain = records.at(-1)?.chain ?? CHAIN_START
    records.push(seal(where, { origin, seq: records.length + 1, kind: 'yjs-v1', bytes }, chain))
  }
  const writer = rejoinClient(bench, 'acme', origin)
  writer.hello()
  for (const record of records) writer.entries(where, [record])
  bench.commit()
  const reader = rejoinClient(bench, 'acme', 'b'.repeat(16))
  reader.hello()
  reader.send({ type: 'vector', ...where, vector: new Map(), reply: true })
  bench.rest()
  const updates = [
    ...reader.received('piece').map(inflatePiece),
    ...reader.received('entries').flatMap(({ runs }) => runs.flatMap((run) => run.updates.map(({ bytes }) => bytes))),
  ]
  for (const update of updates) expect(inspectUpdate(update).empty).toBe(false)
  expect(joinUpdates(updates)).toEqual(joinUpdates(records.map(({ bytes }) => bytes)))
})

test('[P5][P9] a document of which something cannot be read is left out, told, and asked for again', async () => {
  const relay = await startRelay()
  const alice = await startClient(relay)
  const written = alice.open('many')
  for (let word = 0; word < 40; word++) {
    written.type(`${word} `)
    await written.saved('relay')
  }
  const tooMany = deflatePiece(joinUpdates([...deletionsOfMany()]))
  let spoils = true
  let spoilt = 0
  const spoil = (message: Message): Message => {
    if (!spoils || message.type !== 'piece' || message.document !== 'many') return message
    spoilt++
    return { ...message, ...tooMany }
  }
  const { dial, sockets } = spoiling(spoil)
  const bob = await startClient(relay, { dial })
  const [many, other] = [bob.open('many'), bob.open('other')]
  await until('it is told', () => bob.errors.length > 0)
  expect(bob.errors).toEqual([expect.objectContaining({ code: 'too-big', message: expect.stringContaining('"many"') })])
  expect(many.status.get().unreadable).toMatchObject({ code: 'too-big' })
  // Others go on, both ways.
  const theirs = alice.open('other')
  theirs.type('from alice ')
  await until('it has come', () => other.read() === 'from alice ')
  other.type('and bob')
  await other.saved('relay')
  await allRead([other, theirs], 'from alice and bob')
  // More of it asks for nothing.
  written.type('more')
  await written.saved('relay')
  other.type('!')
  await other.saved('relay')
  expect(bob.workspace.status.get()).toMatchObject({ connection: 'syncing' })
  expect(many.status.get().connection).toBe('syncing')
  expect(sockets.length).toBe(1)
  expect(spoilt).toBeLessThan(4)

  // At the next connection it is asked for again; while it stays so it is not told again.
  sockets[0]?.()
  await until('it has come again', () => sockets.length === 2 && spoilt > 1)
  await other.saved('relay')
  spoils = false
  sockets[1]?.()
  await isSynced(bob)
  await allRead([many, written])
  expect(many.status.get().unreadable).toBeUndefined()
  expect(bob.errors).toHaveLength(1)
  expect(Y.encodeStateVector(many.doc)).toEqual(Y.encodeStateVector(written.doc))
})

/** Says that 2^24 structs follow: Yjs makes a list of so many before it looks. */
const BOMB = new Uint8Array([1, 0x80, 0x80, 0x80, 0x08, 1, 0])

test.each([
  ['is stored', undefined],
  ['cannot be stored', 'storage-full'],
] as const)(
  '[P5][P9] a record that would break a Y.Doc is not given to one, whether what comes %s',
  async (_, code) => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const written = alice.open('many')
    const theirs = alice.open('other')
    let spoils = false
    let spoilt = 0
    const spoil = (message: Message): Message => {
      if (!spoils || message.type !== 'entries' || message.document !== 'many') return message
      spoilt++
      const origin = 'e'.repeat(16)
      const { chain } = seal(message, { origin, seq: 1, kind: 'yjs-v1', bytes: BOMB }, CHAIN_START)
      const run = { origin, first: 1, chain, updates: [{ kind: 'yjs-v1' as const, bytes: BOMB }] }
      return { ...message, runs: [run, ...message.runs] }
    }
    const { dial, sockets } = spoiling(spoil)
    const inner = createOwnStore()
    let fails = false
    const storage: ReplicaStore = {
      ...inner,
      write: (tables, body) =>
        fails ? Promise.reject(new RejoinError('storage-full', 'by the test')) : inner.write(tables, body),
    }
    const bob = await startClient(relay, { dial, storage })
    const [many, other] = [bob.open('many'), bob.open('other')]
    written.type('before ')
    await allRead([many, written], 'before ')
    await isSynced(bob)

    spoils = true
    fails = code !== undefined
    written.type('with it')
    await until('it has come', () => spoilt > 0)
    theirs.type('goes on')
    await allRead([other, theirs], 'goes on')
    // What came beside it is none of it.
    await allRead([many, written], 'before with it')
    expect(many.status.get().unreadable).toMatchObject({ code: 'invalid-update' })
    expect(bob.errors).toContainEqual(expect.objectContaining({ code: 'invalid-update' }))
    expect(bob.workspace.status.get().connection).not.toBe('synced')
    expect(many.doc.store.pendingStructs).toBeNull()

    spoils = false
    fails = false
    sockets.at(-1)?.()
    await isSynced(bob)
    expect(many.status.get().unreadable).toBeUndefined()
    many.type('!')
    await many.saved('relay')
    await allRead([many, written], 'before with it!')
  },
)

/** Connections on which messages of the relay are changed, and what closes each. */
function spoiling(spoil: (message: Message) => Message): { dial: Dial; sockets: (() => void)[] } {
  const sockets: (() => void)[] = []
  const dial: Dial = (url, handlers) => {
    const socket = dialWebSocket(url, {
      ...handlers,
      received(data) {
        if (typeof data === 'string') return handlers.received(data)
        handlers.received(encodeFrame(decodeFrame(data).map((message) => encodeMessage(spoil(message)))))
      },
    })
    sockets.push(() => socket.close())
    return socket
  }
  return { dial, sockets }
}
