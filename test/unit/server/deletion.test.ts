/** Deleted documents at a relay: tombstones in its log, their time, and clients that know no epochs. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import { type RelayStore, TOMBSTONE_EXPIRED } from '../../../server/storage/store.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import type { DocumentRef } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { readAtRelay, startClient } from '../client/support.ts'
import { createBench, type Socket } from './bench.ts'
import { cleanUp, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

const DAY = 24 * 60 * 60_000
const ALICE = 'a1a2a3a4a5a6a7a8'
const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const LATER: DocumentRef = { ...NOTE, epoch: '00000001b1b2b3b4b5b6b7b8' }
const LATEST: DocumentRef = { ...NOTE, epoch: '00000001c1c2c3c4c5c6c7c8' }

const STORES: [string, () => RelayStore][] = [
  ['memory', createMemoryStore],
  [
    'SQLite',
    () => {
      const store = openSqliteStore(join(temporaryFolder(), 'acme.sqlite'))
      cleanUp(() => store.close())
      return store
    },
  ],
]

function entries(where: DocumentRef, origin = ALICE): Message {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'hello')
  const bytes = Y.encodeStateAsUpdate(doc)
  return toEntries(where, [seal(where, { origin, seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)], 0)
}

const HELLO: Message = {
  type: 'hello',
  oldestVersion: 1,
  newestVersion: 1,
  replica: ALICE,
  scope: 'all',
  token: '',
  place: undefined,
}
const tombstone = (where: DocumentRef): Message => ({ type: 'tombstone', ...where, through: 0 })
const say = (socket: Socket, ...messages: Message[]): void => socket.send(encodeFrame(messages.map(encodeMessage)))

/** What the socket was told since the last call, in short. */
function told(socket: Socket): string[] {
  const messages = socket.sent.splice(0).flatMap(decodeFrame)
  return messages.map((message) => {
    const epoch = 'epoch' in message && 'document' in message ? ` ${message.epoch.slice(8, 10)}` : ''
    return `${message.type}${epoch}${'through' in message ? ` ${message.through}` : ''}`
  })
}

describe.each(STORES)('a document that is deleted, in %s', (_, openStore) => {
  test('[P1][P2] leaves a tombstone in the log that everybody is told of in its place, also who comes later', () => {
    const store = openStore()
    const bench = createBench(() => store)
    const [alice, bob] = [bench.sync('acme'), bench.sync('acme')]
    say(alice, HELLO, entries(NOTE))
    say(bob, { ...HELLO, replica: 'b'.repeat(16) })
    bench.commit()
    const place = { epoch: store.epochs().at(-1)?.epoch ?? '', offset: 1 }
    told(alice)
    told(bob)
    say(alice, tombstone(LATER))
    expect(told(alice)).toEqual([])
    bench.commit()
    expect([told(alice), told(bob)]).toEqual([['tombstone b1 2'], ['tombstone b1 2']])
    expect(store.document('note')).toMatchObject({ ...LATER, vector: new Map(), bytes: 0, deleted: expect.any(Number) })
    expect([...store.history(LATER)]).toEqual([])
    expect(store.head()).toBe(2)

    const carol = bench.sync('acme')
    say(carol, { ...HELLO, replica: 'c'.repeat(16), place })
    expect(told(carol)).toEqual(['welcome', 'tombstone b1 2'])
    // Again the same is held already.
    say(alice, tombstone(LATER))
    expect(told(alice)).toEqual(['tombstone b1 0'])
    expect(bench.reported).toEqual([])
  })

  test('[P3] the greater epoch wins, whichever comes first; whoever comes in a lesser one is told', () => {
    for (const order of [
      [LATER, LATEST],
      [LATEST, LATER],
    ]) {
      const store = openStore()
      const bench = createBench(() => store)
      const alice = bench.sync('acme')
      say(alice, HELLO, entries(NOTE))
      for (const each of order) {
        say(alice, tombstone(each))
        bench.commit()
      }
      expect(store.document('note')?.epoch).toBe(LATEST.epoch)
      told(alice)
      say(alice, entries(NOTE), entries(LATER, 'd'.repeat(16)))
      bench.commit()
      expect(told(alice)).toEqual(['tombstone c1 0', 'tombstone c1 0'])
      expect(store.document('note')?.vector.size).toBe(0)
      say(alice, { type: 'vector', ...NOTE, vector: new Map(), reply: true })
      expect(told(alice)).toEqual(['tombstone c1 0', 'vector c1'])
    }
  })

  test('[P1] records of a greater epoch begin it by themselves', () => {
    const store = openStore()
    const bench = createBench(() => store)
    const [alice, bob] = [bench.sync('acme'), bench.sync('acme')]
    say(bob, { ...HELLO, replica: 'b'.repeat(16) })
    say(alice, HELLO, entries(NOTE))
    bench.commit()
    told(bob)
    say(alice, entries(LATER))
    bench.commit()
    expect(told(bob)).toEqual(['tombstone b1 2', 'entries b1 3'])
    expect(store.document('note')).toMatchObject({ epoch: LATER.epoch, deleted: undefined })
    expect(store.totals()).toEqual({ documents: 1, bytes: store.document('note')?.bytes })
  })

  test.each([
    ['null', null],
    ['NaN', Number.NaN],
    ['a negative number', -1],
    ['text', 'never'],
  ])('[P2] a time to live that is %s deletes nothing, and is told once', (_, value) => {
    const store = openStore()
    const bench = createBench(
      () => store,
      {},
      () => value as number,
    )
    const writer = bench.sync('acme')
    say(writer, HELLO, entries(NOTE), entries({ ...NOTE, document: 'other' }))
    bench.commit()
    bench.jump(DAY)
    bench.pass(10_000)
    bench.rest()
    bench.commit()
    expect([store.document('note')?.deleted, store.document('other')?.deleted]).toEqual([undefined, undefined])
    expect(bench.reported).toMatchObject([{ code: 'bad-option' }])
  })

  test('[P11] a tombstone that expires leaves the digest that is stored, also where nobody has asked for it', () => {
    const store = openStore()
    const bench = createBench(() => ({ ...store, close() {} }))
    const writer = bench.sync('acme')
    say(writer, HELLO)
    for (let number = 0; number < 20; number++) say(writer, entries({ ...NOTE, document: `d${number}` }))
    say(writer, tombstone({ ...LATER, document: 'd0' }))
    bench.commit()
    const other = bench.sync('acme')
    say(other, { ...HELLO, replica: 'b1b2b3b4b5b6b7b8' })
    bench.commit()
    for (const each of [writer, other]) each.handler.closed()
    bench.pass(120_000)
    expect(bench.noted.at(-1)).toBe('workspace closed: acme')
    expect(store.summary()?.head).toBe(store.head())
    bench.jump(100 * DAY)
    const place = { epoch: store.epochs().at(-1)?.epoch ?? expect.fail(), offset: store.head() }
    say(bench.sync('acme'), { ...HELLO, place })
    bench.pass(10_000)
    bench.rest()
    expect(store.document('d0')?.deleted).toBe(TOMBSTONE_EXPIRED)
    expect(store.summary()?.head).not.toBe(store.head())
  })

  test('expires when nobody has written it for its time to live, and its tombstone long after', () => {
    const store = openStore()
    const ttlMs = (_workspace: string, document: string) => (document === 'note' ? DAY : undefined)
    const bench = createBench(() => store, {}, ttlMs)
    const writer = bench.sync('acme')
    say(writer, HELLO, entries(NOTE), entries({ ...NOTE, document: 'kept' }))
    bench.commit()
    writer.handler.closed()

    /** Somebody comes after that time; what the relay finds to do then is done. */
    function laterBy(ms: number): string[] {
      bench.jump(ms)
      const socket = bench.sync('acme')
      say(socket, HELLO)
      bench.pass(5_000)
      bench.rest()
      bench.commit()
      const late = bench.sync('acme')
      say(late, HELLO)
      for (const each of [socket, late]) each.handler.closed()
      return late.sent.flatMap(decodeFrame).flatMap((message) => {
        return message.type === 'catalog'
          ? message.documents.map(({ document, epoch }) => `${document} ${epoch[7]}`)
          : []
      })
    }

    expect(laterBy(DAY - 200_000)).toEqual(['kept 0', 'note 0'])
    expect(laterBy(DAY)).toEqual(['kept 0', 'note 1'])
    expect(store.document('note')).toMatchObject({ vector: new Map(), bytes: 0, deleted: expect.any(Number) })
    const { epoch } = store.document('note') ?? expect.fail()
    expect(laterBy(80 * DAY)).toEqual(['kept 0', 'note 1'])
    expect(laterBy(20 * DAY)).toEqual(['kept 0'])
    // Its epoch outlives it: what somebody brings of the time before is still refused.
    expect(store.document('note')).toMatchObject({ epoch, deleted: TOMBSTONE_EXPIRED })
    const late = bench.sync('acme')
    say(late, HELLO)
    told(late)
    say(late, entries(NOTE))
    bench.commit()
    expect(late.sent.flatMap(decodeFrame)).toMatchObject([{ type: 'tombstone', epoch }])
    // And who writes in it brings it back to all.
    say(late, entries({ ...NOTE, epoch }))
    bench.commit()
    expect(store.document('note')?.deleted).toBeUndefined()
    late.handler.closed()
    expect(laterBy(0)).toEqual(['kept 0', 'note 1'])
    expect(bench.reported).toEqual([])
  })
})

describe('a stock client', () => {
  test('[P5] of a document that is deleted is closed for good, and brings nothing back', async () => {
    const relay = await startRelay()
    const alice = await startClient(relay)
    const stock = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    await synced(stock)
    stock.type('old')
    const note = alice.open()
    await until('it is there', () => note.read() === 'old')
    const codes: (number | undefined)[] = []
    stock.provider.on('connection-close', (event) => codes.push(event?.code))
    await alice.workspace.delete('note')
    await until('it is closed', () => codes.length > 0)
    expect(codes).toEqual([4410])
    expect(await readAtRelay(relay)).toBe('')

    const late = stockClient(`${relay.socketUrl}/y/acme`, 'note', stock.doc)
    const lateCodes: (number | undefined)[] = []
    late.provider.on('connection-close', (event) => lateCodes.push(event?.code))
    await until('it is turned away', () => lateCodes.length > 0)
    expect(lateCodes).toEqual([4410])
    expect(await readAtRelay(relay)).toBe('')

    const again = alice.open()
    again.type('new')
    await again.saved('relay')
    const fresh = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    await until('it reads the new one', () => fresh.text.toString() === 'new')
    expect(relay.errors).toEqual([])
  })
})
