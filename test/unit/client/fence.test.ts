/** What only one tab may do: whoever led before is refused, in the transaction itself. */
import { describe, expect, test } from 'vitest'
import { dump, durable, entriesOf, openLog, otherRecords, PEER, read, typist } from '../../support/stores.ts'
import { coded } from './support.ts'

const PLACE = { replica: PEER.replica, epoch: 'e'.repeat(16), offset: 3 }

describe('a tab that led before another one', () => {
  test('[P4] neither seals, nor takes, nor notes, nor folds, nor frees a name; what it types is kept', async () => {
    const store = durable()
    const [old, now] = [await openLog(store), await openLog(store)]
    const writer = typist(old)
    await old.lead()
    await old.take([entriesOf(...otherRecords(3))], PEER)
    await writer.type('sealed by the first ')
    expect((await old.seal('note')).records).toHaveLength(1)
    await now.lead()
    // Nobody is refused before the new one has done anything.
    await writer.type('and this ')
    await now.seal('note')
    await writer.type('typed after')
    const before = await dump(store)
    await expect(old.seal('note')).rejects.toThrow(coded('fenced'))
    await expect(old.take([entriesOf(...otherRecords(4).slice(3))], PEER)).rejects.toThrow(coded('fenced'))
    await expect(old.note({ ...PEER, place: PLACE, begin: true })).rejects.toThrow(coded('fenced'))
    await expect(old.compact('note', async () => {})).rejects.toThrow(coded('fenced'))
    await expect(old.unseal('note', old.replica)).rejects.toThrow(coded('fenced'))
    expect(await dump(store)).toEqual(before)
    await writer.type(', once more')
    await now.seal('note')
    expect(await read(now)).toContain('sealed by the first and this typed after, once more')
  })

  test('[P4] of two that begin at once one goes on, and the other may begin anew', async () => {
    const store = durable()
    const [a, b] = [await openLog(store), await openLog(store)]
    await Promise.all([a.lead(), b.lead()])
    await typist(a).type('a')
    await a.seal('note')
    await expect(b.seal('note')).rejects.toThrow(coded('fenced'))
    await b.lead()
    await b.seal('note')
    await expect(a.seal('note')).rejects.toThrow(coded('fenced'))
  })

  test('[P4] is over when it resigns', async () => {
    const log = await openLog(durable())
    await log.lead()
    log.resign()
    await expect(log.seal('note')).rejects.toThrow(coded('fenced'))
  })
})
