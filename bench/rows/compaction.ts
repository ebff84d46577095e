/** Row `compaction`: what it takes to fold single updates, beside what it takes Yjs to apply them, in one process. */
import * as Y from 'yjs'
import { compactUpdates } from '../../shared/update/compact.ts'
import { replay } from '../../test/support/traces.ts'
import { recordedScript } from '../script.ts'
import { atMostTimesPeer, printFigures } from '../table.ts'

/** Updates that are folded at most. */
const UPDATES = 100_000
const TIMES = 5

export function printCompaction(): void {
  const updates = typed()
  console.log(`\ncompaction: ${updates.length.toLocaleString('en-US')} updates`)
  const all: { rejoin: number; peer: number; bytes: number }[] = []
  for (let run = 0; run < TIMES; run++) {
    const doc = new Y.Doc()
    const peer = cpuOf(() => {
      for (const update of updates) Y.applyUpdate(doc, update)
    })
    let bytes = 0
    const rejoin = cpuOf(() => {
      bytes = compactUpdates(updates, { gc: true }).length
    })
    all.push({ rejoin, peer, bytes })
  }
  // The first run compiles what the others run.
  const { rejoin, peer, bytes } = all.toSorted((a, b) => a.rejoin / a.peer - b.rejoin / b.peer)[TIMES >> 1] ?? never()
  const work = 'folding all of them'
  printFigures('compaction', 'applied to a Y.Doc', [
    { work, what: 'ms of CPU', rejoin, peer, goal: atMostTimesPeer(1.2) },
    { work, what: 'bytes', rejoin: bytes },
  ])
}

/** The updates of the session, one for each transaction. */
function typed(): Uint8Array[] {
  const { startContent, document } = recordedScript(UPDATES)
  const doc = new Y.Doc()
  doc.clientID = 1
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('text')
  text.insert(0, startContent)
  for (const txn of document) {
    replay(text, txn)
    if (updates.length >= UPDATES) break
  }
  return updates
}

function cpuOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function never(): never {
  throw new Error('no run')
}
