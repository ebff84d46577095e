/** What is in doubt: held against the relay at once, and given other names where that holds something else (P8). */
import { describe, expect, test } from 'vitest'
import { createChecking } from '../../../client/connection/checking.ts'
import type { Forking } from '../../../client/connection/forking.ts'
import type { Talk } from '../../../client/connection/host.ts'
import type { Sending } from '../../../client/connection/sending.ts'
import { CHAIN_UNKNOWN } from '../../../shared/causality/chain.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { hash64 } from '../../../shared/hash.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import type { Content, Message, Piece } from '../../../shared/wire/messages.ts'
import { durable, entriesOf, NOTE, openLog, otherRecords, PEER } from '../../support/stores.ts'
import { until } from '../server/support.ts'

const A = 'a'.repeat(16)
const OTHER_HASH = '0'.repeat(16)

/** The last record as a relay sends it that has forgotten what it follows. */
function forgotten({ origin, seq, chain, bytes }: UpdateRecord): Piece {
  const end = {
    vector: new Map([[origin, { seq, chain }]]),
    base: new Map([[origin, { seq: seq - 1, chain: CHAIN_UNKNOWN }]]),
  }
  return { type: 'piece', ...NOTE, through: 0, id: hash64(bytes), index: 0, count: 1, ...deflatePiece(bytes), ...end }
}

/** A conversation of a device that holds a document in doubt, as far as checking knows of it. */
async function begin({ canWrite = true } = {}) {
  const log = await openLog(durable())
  const all = otherRecords(3)
  const last = all.at(-1) ?? expect.fail()
  await log.take([entriesOf(...all.slice(0, 2))], PEER)
  await log.take([{ type: 'piece', piece: forgotten(last) }], PEER)
  const asked: Content[] = []
  const told: string[] = []
  let passed = 0
  const talk = {
    log,
    host: { differs: () => void told.push('differs') },
    offers: { isEmpty: () => true },
    progress: { sending: true, relay: PEER.replica },
    permission: { canWrite },
    environment: { ...systemEnvironment, now: () => passed },
    put: (message: Message) => void (message.type === 'content' && asked.push(message)),
    later: (work: () => Promise<void>) => void work(),
  }
  const sending = { submitContent: async () => void told.push('sends all') }
  const forking = { separate: async (_: unknown, origin: string) => void told.push(`fork of ${origin}`) }
  // Of a conversation these are what it uses.
  const parts = [talk, sending, forking] as unknown as [Talk, Sending, Forking]
  const checking = createChecking(...parts)
  return {
    log,
    told,
    asked,
    checking,
    /** Time passes in steps of a tick; how often something was asked meanwhile. */
    async pass(ms: number): Promise<number> {
      const before = asked.length
      for (const end = passed + ms; passed < end; ) {
        passed += 2_500
        checking.tick()
        await log.head()
        await log.head()
        await new Promise((resolve) => setImmediate(resolve))
      }
      return asked.length - before
    },
    answer: (hash?: string) => checking.answered({ ...(asked.at(-1) ?? expect.fail()), ...(hash && { hash }) }),
  }
}

describe('a document in doubt', () => {
  test('[P8] is asked about at once, and again until there is an answer; where that is the same it is in doubt no more', async () => {
    const { log, told, asked, pass, answer } = await begin()
    await pass(2_500)
    // Not while it changes.
    expect(asked).toEqual([])
    await pass(2_500)
    await until('it was asked about', () => asked.length === 1)
    expect(await pass(2_500)).toBe(0)
    await pass(5_000)
    await until('it was asked about again', () => asked.length === 2)
    await answer()
    expect(await log.doubted(PEER.replica)).toEqual(new Map())
    expect(await pass(60_000)).toBe(0)
    expect(told).toEqual([])
  })

  test('[P8] of which the relay holds something else has forked: it gets other names, and is asked about again', async () => {
    const { log, told, asked, pass, answer } = await begin()
    await pass(5_000)
    await until('it was asked about', () => asked.length === 1)
    await answer(OTHER_HASH)
    expect(told).toEqual([`fork of ${A}`])
    await pass(7_500)
    await until('it was asked about again', () => asked.length === 2)
    // Nothing is in doubt there any more, and it differs still: then something was lost.
    await log.unseal('note', A)
    await answer(OTHER_HASH)
    expect(told).toEqual([`fork of ${A}`, 'differs', 'sends all'])
    expect(await pass(60_000)).toBe(0)
  })

  test('[P8] is mended as far as it can be where nothing may be written', async () => {
    const { log, told, asked, pass, answer } = await begin({ canWrite: false })
    await pass(5_000)
    await until('it was asked about', () => asked.length === 1)
    await answer(OTHER_HASH)
    expect(told).toEqual(['differs'])
    expect(await log.doubted(PEER.replica)).toEqual(new Map())
    expect(await pass(60_000)).toBe(0)
  })
})
