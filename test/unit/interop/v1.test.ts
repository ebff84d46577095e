/** This version reads and writes what version 1 wrote. A failure here means that stored data or running peers break. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { openUpdateLog } from '../../../client/replica/update-log.ts'
import { openSqliteStore } from '../../../server/storage/sqlite-file.ts'
import { headOf } from '../../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { closeCode, errorCode, errorNumber } from '../../../shared/error-numbers.ts'
import { type ErrorCode, isFinal } from '../../../shared/errors.ts'
import { fromHex } from '../../../shared/hash.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { fromJson } from '../../fixtures/json.ts'
import { createOwnStore, type Dump, fill } from '../../support/stores.ts'
import { allRead, isSynced, readAtRelay, startClient } from '../client/support.ts'
import { startRelay, temporaryFolder } from '../server/support.ts'

const FOLDER = join(import.meta.dirname, '../../fixtures/v1')
const LIST = 'a list/of \u{1f389}'

const load = (name: string): unknown => fromJson(readFileSync(join(FOLDER, name), 'utf8'))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('the wire of version 1', () => {
  const frames = load('frames.json') as { hex: string; message: Message | string }[]
  const single = frames.flatMap(({ hex: bytes, message }) => (typeof message === 'string' ? [] : [{ bytes, message }]))

  test('holds every message', () => {
    const types = new Set(single.map(({ message }) => message.type))
    expect(types.size).toBe(15)
  })

  test.each(single)('reads and writes $message.type as ever', ({ bytes, message }) => {
    // JSON knows no undefined: an absent field is one that says nothing.
    expect(decodeFrame(fromHex(bytes)).map(plain)).toEqual([plain(message)])
    expect(hex(encodeFrame([encodeMessage(message)]))).toBe(bytes)
  })

  test('reads and writes many messages in a frame', () => {
    const whole = frames.at(-1)?.hex ?? ''
    const messages = decodeFrame(fromHex(whole))
    expect(messages.map(plain)).toEqual(single.map(({ message }) => plain(message)))
    expect(messages.map((message) => hex(encodeMessage(message))).join('')).toBe(whole.slice(8))
    // It is sent deflated now.
    const deflated = encodeFrame(messages.map(encodeMessage))
    expect(deflated.length).toBeLessThan(whole.length / 2)
    expect(decodeFrame(deflated).map(plain)).toEqual(messages.map(plain))
  })

  test('knows every error by its number', () => {
    const codes = load('codes.json') as { code: ErrorCode; number: number; close: number; final: boolean }[]
    expect(codes).toHaveLength(23)
    for (const { code, number, close, final } of codes) {
      expect([errorNumber(code), errorCode(number), closeCode(code), isFinal(code)]).toEqual([
        number,
        code,
        close,
        final,
      ])
    }
  })
})

describe('a relay’s store of version 1', () => {
  test('[P2] opens, with all its records', () => {
    const file = join(temporaryFolder(), 'acme.sqlite')
    copyFileSync(join(FOLDER, 'relay.sqlite'), file)
    const store = openSqliteStore(file)
    const { replica, origin } = store.identity()
    expect([replica, origin]).toEqual(['0102030405060708', '0102030405060708'])
    expect(store.epochs()).toEqual([{ epoch: 'd1d2d3d4d5d6d7d8', start: 0 }])
    expect(store.head()).toBe(8)
    // Reading verifies every checksum.
    expect(
      [...store.read(0)].flatMap((entry) =>
        'record' in entry ? [[entry.where.document, entry.where.gc, entry.record.origin, entry.record.seq]] : [],
      ),
    ).toEqual([
      ...[1, 2, 3, 4].map((seq) => ['note', true, 'c1c2c3c4c5c6c7c8', seq]),
      ...[1, 2, 3, 4].map((seq) => [LIST, false, replica, seq]),
    ])
    const stored = [...store.documents()]
    expect(stored.map(({ document, bytes }) => [document, bytes > 0])).toEqual([
      [LIST, true],
      ['note', true],
    ])
    expect(headOf(stored[1]?.vector ?? new Map(), 'c1c2c3c4c5c6c7c8').seq).toBe(4)
    store.close()
  })

  test('[P1][P2] is served, and written on', async () => {
    const data = temporaryFolder()
    mkdirSync(join(data, 'workspaces'))
    copyFileSync(join(FOLDER, 'relay.sqlite'), join(data, 'workspaces/acme.sqlite'))
    const relay = await startRelay({ data })
    const alice = await startClient(relay)
    const bob = await startClient(relay)
    const [a, b] = [alice.open(), bob.open()]
    await allRead([a, b], 'hello world')
    expect(await readAtRelay(relay, LIST)).toBe('one, two')
    a.type('!')
    await allRead([a, b], 'hello world!')
    await isSynced(alice, bob)
    expect([...alice.errors, ...bob.errors, ...relay.errors]).toEqual([])
  })
})

describe('a replica of version 1', () => {
  const open = async () => fill(createOwnStore(), load('replica.json') as Dump)

  test('[P2] opens, with its edits, receipts, place and branches', async () => {
    const damaged: unknown[] = []
    const log = await openUpdateLog(await open(), systemEnvironment, (...each) => damaged.push(each))
    const doc = new Y.Doc()
    const { updates, unacknowledged, vector } = await log.load('note')
    Y.applyUpdate(doc, joinUpdates(updates))
    expect(
      doc
        .getText('text')
        .toString()
        .split(/(?<= )|(?<=typed)/)
        .sort(),
    ).toEqual(['gone ', 'hello ', 'sealed ', 'typed'])
    expect(unacknowledged).toBe(3)
    expect([...vector.values()].map(({ seq }) => seq).sort()).toEqual([2, 3])
    expect((await log.waiting()).unsealed).toEqual(['note'])
    expect(await log.peer('ws://127.0.0.1:8787/sync/acme')).toMatchObject({
      replica: 'e1e2e3e4e5e6e7e8',
      place: { epoch: 'd1d2d3d4d5d6d7d8', offset: 2 },
      watermark: 1,
      round: 3,
    })
    const { offered } = await log.outbox(1, 'e1e2e3e4e5e6e7e8', 100)
    expect(offered.map(({ record }) => record.seq)).toEqual([2])
    expect(await log.branches()).toEqual([expect.objectContaining({ document: LIST, code: 'too-big' })])
    expect(damaged).toEqual([])
  })

  test('[P1][P2] syncs what it holds to a relay', async () => {
    const relay = await startRelay()
    const client = await startClient(relay, { storage: await open() })
    expect(client.workspace.status.get().unacknowledged).toBe(3)
    await isSynced(client)
    const note = client.open()
    await note.whenLoaded
    expect(await readAtRelay(relay)).toBe(note.read())
    expect(note.read()).toContain('sealed typed')
    expect([...client.errors, ...client.forks]).toEqual([])
  })
})

/** Without what only tells where bytes came from, and without fields that say nothing. */
const plain = (message: Message): unknown =>
  JSON.parse(
    JSON.stringify(message, (_key, each: unknown) => {
      if (each instanceof Uint8Array) return hex(each)
      return each instanceof Map ? [...each] : each
    }),
  )
