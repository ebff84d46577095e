/** Branches: what was given up of a document, one for each refusal, until somebody dismisses it. */
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { createMemoryReplicaStore } from '../../../client/replica/memory.ts'
import { ackOf, durable, openLog, PEER, typist } from '../../support/stores.ts'

const WHY = ['forbidden', 'as a test has it'] as const

test.each([true, false])('[P5] what is typed while a branch is made joins it (durable: %s)', async (isDurable) => {
  const log = await openLog(createMemoryReplicaStore({ durable: isDurable }))
  const { type, doc } = typist(log)
  await type('refused ')
  if (isDurable) await log.seal('note')
  else await log.unsent('note')
  const first = await log.refuse('note', ...WHY)
  await type('typed meanwhile ')
  const second = await log.refuse('note', ...WHY)
  await type('and then')
  const third = await log.refuse('note', ...WHY)
  expect([second?.id, third?.id]).toEqual([first?.id, first?.id])
  expect(await log.branches()).toEqual([third])
  const exported = new Y.Doc()
  Y.applyUpdate(exported, third?.bytes ?? new Uint8Array([0, 0]))
  expect(exported.getText('text').toString()).toBe(doc.getText('text').toString())
})

test('[P5] another refusal makes another branch', async () => {
  const log = await openLog(durable())
  const refused = async (
    word: string,
    ...why: Parameters<typeof log.refuse> extends [string, ...infer R] ? R : never
  ) => {
    await typist(log).type(word)
    await log.seal('note')
    return (await log.refuse('note', ...why))?.id
  }
  const ids = [await refused('one', ...WHY), await refused('two', ...WHY), await refused('three', 'too-big', 'as well')]
  expect(new Set(ids).size).toBe(3)
  await typist(log).type('four')
  expect((await log.refuse('note', ...WHY))?.id).not.toBe(ids[2])
  expect(await log.branches()).toHaveLength(4)
})

test('[P4][P5] no receipt covers what joined a branch, nor what was in one that was dismissed', async () => {
  const log = await openLog(durable())
  const { type } = typist(log)
  await type('one')
  const one = await log.outstanding('note')
  const branch = await log.refuse('note', ...WHY)
  await type('two')
  const two = await log.outstanding('note')
  await log.refuse('note', ...WHY)
  for (const each of [one, two]) {
    await expect(log.isAcknowledged('note', each)).rejects.toMatchObject({ code: 'forbidden' })
  }
  await log.dismiss('note', branch?.id ?? '')
  for (const each of [one, two]) {
    await expect(log.isAcknowledged('note', each)).rejects.toMatchObject({ code: 'forbidden' })
  }
  await typist(log).type('three')
  const three = await log.outstanding('note')
  await log.seal('note')
  await log.take([{ type: 'ack', ack: await ackOf(log, 1) }], PEER)
  expect(await log.isAcknowledged('note', three)).toBe(true)
})

test('a branch is dismissed once, and alone', async () => {
  const log = await openLog(durable())
  const ids: string[] = []
  for (const word of ['one', 'two']) {
    await typist(log).type(word)
    await log.seal('note')
    ids.push((await log.refuse('note', ...WHY))?.id ?? '')
  }
  await log.dismiss('note', ids[0] ?? '')
  await log.dismiss('note', ids[0] ?? '')
  await log.dismiss('other', ids[1] ?? '')
  expect((await log.branches()).map(({ id }) => id)).toEqual([ids[1]])
  // What is refused later does not join what is gone.
  await log.dismiss('note', ids[1] ?? '')
  await typist(log).type('three')
  expect((await log.refuse('note', ...WHY))?.id).not.toBe(ids[1])
})
