/** What people write is never refused: not by validation, and not where everybody is somebody. */
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { joinUpdates } from '../../../shared/update/join.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { amount } from '../../support/amount.ts'
import { openTrace, replay } from '../../support/traces.ts'
import { answers, enter, guarded, sealer } from './guarded.ts'

const PEOPLE = 4
const UPDATES = amount(10_000, 100_000)
/** Recorded sessions, where there are any. */
const TRACES = ['sveltecomponent', 'rustcode', 'automerge-paper']
/** Updates of one before the others read them. */
const TURN = 250

test(`[P9] ${UPDATES} updates of ${PEOPLE} people who type in one document are all taken`, async () => {
  const bench = guarded()
  const people = []
  for (let n = 0; n < PEOPLE; n++) {
    const replica = `${n + 1}`.padStart(16, '0')
    const doc = new Y.Doc()
    const made: Uint8Array[] = []
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'read') made.push(update)
    })
    const { txns } = openTrace(TRACES[n % TRACES.length] ?? '', n, UPDATES / PEOPLE)
    const client = await enter(bench, `person ${n}`, replica)
    people.push({ client, doc, made, txns, seal: sealer(replica), text: doc.getText(`of ${n}`), at: 0 })
  }
  let [updates, refused] = [0, 0]
  for (let turn = 0; updates < UPDATES; turn++) {
    const person = people[turn % PEOPLE]
    if (person === undefined) break
    for (let n = 0; n < TURN; n++) {
      const txn = person.txns[person.at++ % person.txns.length]
      if (person.at % person.txns.length === 1) person.text.delete(0, person.text.length)
      // What everybody writes into, and what is one's own: a trace needs the text that it was recorded on.
      if (n % 5 === 0) person.doc.getArray('all').insert(n % (person.doc.getArray('all').length + 1), [turn])
      else if (txn !== undefined) replay(person.text, clamped(person.text.length, txn))
    }
    const own = person.made.splice(0)
    updates += own.length
    const records: UpdateRecord[] = own.map((bytes) => person.seal(bytes))
    for (let at = 0; at < records.length; at += 100) {
      for (const code of answers(bench, person.client, records.slice(at, at + 100))) if (code !== 'ack') refused++
    }
    const all = joinUpdates(own)
    for (const other of people) if (other !== person) Y.applyUpdate(other.doc, all, 'read')
  }
  expect(updates).toBeGreaterThanOrEqual(UPDATES)
  expect(refused).toBe(0)
  expect(bench.reported).toEqual([])
}, 120_000)

type Txn = Parameters<typeof replay>[1]

/** The same edits, where the text is shorter than it was. */
function clamped(length: number, { patches }: Txn): Txn {
  let left = length
  return {
    patches: patches.map(([position, deleted, inserted]) => {
      const at = Math.min(position, left)
      const gone = Math.min(deleted, left - at)
      left += inserted.length - gone
      return [at, gone, inserted]
    }),
  }
}
