/**
 * Row `trace`: a recorded session streamed in, what it takes on disk and to load again, and the catching up of somebody who
 * was away. Time runs from `connect` to equal texts, WebSocket handshake included; it is the median where work is repeated.
 */
import * as Y from 'yjs'
import { joinUpdates } from '../../shared/update/join.ts'
import { replay } from '../../test/support/traces.ts'
import { CATCH_UP, COLD_JOIN, type Cost, OFFLINE, RECONNECT, runScenarios } from '../scenarios.ts'
import { recordedScript, type Script, typeAll } from '../script.ts'
import { startRejoin } from '../systems/rejoin.ts'
import { startStock } from '../systems/stock.ts'
import type { Person, ServedSystem } from '../systems/system.ts'
import { atLeast, atMost, atMostTimesPeer, type Figure, type Goal, printFigures } from '../table.ts'

/** Transactions where no session is recorded. */
const TRANSACTIONS = 50_000
const TIMES = 3
const SETTLED_MS = 1_500

interface Streamed {
  edits: number
  editsPerSecond: number
  bytesUp: number
  writtenBytes: number | undefined
  storedBytes: number
  logBytes: number | undefined
  /** After compaction, more than with nothing in it. */
  compactedBytes: number | undefined
  load: Load | undefined
}

/** Milliseconds from `connect`. */
interface Load {
  firstBytesMs: number
  wholeMs: number
}

export async function printTrace(): Promise<void> {
  const script = recordedScript(TRANSACTIONS)
  console.log(`\nthe session: ${script.name}, ${script.document.length.toLocaleString('en-US')} transactions`)
  const rejoin = await run(startRejoin, script)
  const stock = await run(() => startStock('memory'), script)
  printFigures('catching up', 'y-websocket', catchUpFigures(rejoin.costs, stock.costs, missedGoal(script)))
  const stored = await run(() => startStock('leveldb'), script, false)
  printFigures('streaming the session in', 'y-websocket', [
    {
      work: 'edits a second',
      what: 'all stored; peer: in memory',
      rejoin: rejoin.streamed.editsPerSecond,
      peer: stock.streamed.editsPerSecond,
      goal: atLeast(40_000),
    },
    ...streamFigures(rejoin.streamed, stored.streamed),
  ])
}

async function run(start: () => Promise<ServedSystem>, script: Script, catchesUp = true) {
  const system = await start()
  try {
    const author = await system.join('author')
    const streamed = await stream(system, author, script)
    const costs = catchesUp ? await runScenarios(system, author, script, TIMES) : new Map<string, Cost>()
    return { streamed, costs }
  } finally {
    await system.close()
  }
}

async function stream(system: ServedSystem, author: Person, script: Script): Promise<Streamed> {
  author.connect()
  await system.until('the author is connected', author.isSynced)
  author.text.insert(0, script.startContent)
  const begun = system.now()
  await typeAll(system, author, script.document, 0)
  await author.delivered()
  const seconds = (system.now() - begun) / 1000
  const { bytesUp } = author.traffic.counts
  await settled(system)
  const writtenBytes = system.server.writtenBytes()
  author.disconnect()
  const { data } = system.server
  const loaded = data === undefined ? undefined : await load(system, author)
  const storedBytes = system.server.storedBytes()
  await system.server.stop()
  const logBytes = system.store?.logBytes()
  const compactedBytes = system.store?.compactedBytes()
  await system.server.start()
  author.connect()
  await system.until('the author is back', author.isSynced)
  const edits = script.document.length
  const editsPerSecond = edits / seconds
  return {
    edits,
    editsPerSecond,
    bytesUp,
    writtenBytes,
    storedBytes,
    logBytes,
    load: loaded,
    compactedBytes,
  }
}

/** Waits until the server writes no more: it may store later than it answers. */
async function settled(system: ServedSystem): Promise<void> {
  const { server } = system
  for (let before = -1, now = server.storedBytes(); now !== before; before = now, now = server.storedBytes()) {
    await system.pause(SETTLED_MS)
  }
}

/** Restarts the server: how long the first one who comes waits for the whole document. */
async function load(system: ServedSystem, author: Person): Promise<Load> {
  await system.server.stop()
  await system.server.start()
  const first = await system.join('first after the restart')
  const begun = system.now()
  first.connect()
  await system.until('the document is loaded', () => first.text.length === author.text.length)
  const wholeMs = system.now() - begun
  const firstBytesMs = first.traffic.contentAt - begun
  await first.leave()
  return { firstBytesMs, wholeMs }
}

/** Twice what the missed edits take when they are joined, and a little. */
function missedGoal({ startContent, document, missed: txns }: Script): Goal {
  const doc = new Y.Doc()
  doc.clientID = 2 ** 31
  doc.getText('text').insert(0, startContent)
  for (const txn of document) replay(doc.getText('text'), txn)
  const missed: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => missed.push(update))
  for (const txn of txns) replay(doc.getText('text'), txn)
  return atMost(2 * joinUpdates(missed).length + 128)
}

type Costs = ReadonlyMap<string, Cost>

function catchUpFigures(rejoin: Costs, stock: Costs, missed: Goal): Figure[] {
  const goals: Record<string, Partial<Record<keyof Cost, Goal>>> = {
    [RECONNECT]: { bytesUp: atMost(64), bytesDown: atMost(64) },
    [CATCH_UP]: { bytesDown: missed },
    [COLD_JOIN]: { bytesDown: atMost(105_000), ms: atMostTimesPeer(1) },
    [OFFLINE]: { bytesUp: atMost(300), bytesDown: atMost(6_000), ms: atMostTimesPeer(1) },
  }
  return [...rejoin].flatMap(([work, cost]) => {
    const peer = stock.get(work)
    return (Object.keys(cost) as (keyof Cost)[]).map((what) => ({
      work,
      what,
      rejoin: cost[what],
      peer: peer?.[what],
      goal: goals[work]?.[what],
    }))
  })
}

function streamFigures(rejoin: Streamed, stored: Streamed): Figure[] {
  const work = 'beside y-leveldb'
  return [
    { work, what: 'edits a second', rejoin: rejoin.editsPerSecond, peer: stored.editsPerSecond },
    { work, what: 'bytes sent', rejoin: rejoin.bytesUp, peer: stored.bytesUp },
    {
      work,
      what: 'bytes written',
      rejoin: rejoin.writtenBytes,
      peer: stored.writtenBytes,
      goal: atMost(8 * (rejoin.logBytes ?? 0)),
    },
    { work, what: 'bytes of the log', rejoin: rejoin.logBytes },
    { work, what: 'bytes on disk', rejoin: rejoin.storedBytes, peer: stored.storedBytes },
    { work, what: 'after `rejoin compact`, beyond an empty one', rejoin: rejoin.compactedBytes, goal: atMost(150_000) },
    {
      work,
      what: 'ms after a restart to first bytes',
      rejoin: rejoin.load?.firstBytesMs,
      peer: stored.load?.firstBytesMs,
      goal: atMost(50),
    },
    { work, what: 'ms to the whole document', rejoin: rejoin.load?.wholeMs, peer: stored.load?.wholeMs },
  ]
}
