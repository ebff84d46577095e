/**
 * Row `fan-out`: one writer, 50 readers. CPU is the server's own, for one edit that reached one reader; latency is from the
 * keystroke to the reader's Y.Doc, all clients in one process.
 */
import { startGuarded, startRejoin } from '../systems/rejoin.ts'
import { startStock } from '../systems/stock.ts'
import type { Person, ServedSystem } from '../systems/system.ts'
import { atMost, atMostTimesPeer, printFigures } from '../table.ts'

const READERS = 50
/** A keystroke at a time, each on its own at the server. */
const STEADY = { edits: 160, pauseMs: 50 }
/** A script, or many people: most of a thousand edits a second. */
const SUSTAINED = { edits: 3_000, pauseMs: 1 }

interface FanOut {
  cpuUs: number | undefined
  p50: number
  p99: number
  bytesEach: number
  messagesEach: number
}

export async function printFanOut(): Promise<void> {
  const rejoin = await run(() => startRejoin())
  const stock = await run(() => startStock('memory'))
  printFigures(`one writer, ${READERS} readers`, 'y-websocket, which stores nothing', [
    ...figures('20 edits a second', rejoin.steady, stock.steady, 1),
    ...figures('up to 1,000 edits a second', rejoin.sustained, stock.sustained, undefined),
  ])
}

/** Rounds of each, in turn: what else the machine does falls on both. */
const GATE_ROUNDS = 3

/** Row `gate`: the same with a relay that knows who somebody is, and with one that does not. The least of some rounds of each. */
export async function printGate(): Promise<void> {
  const costs: Record<'open' | 'guarded', number[]> = { open: [], guarded: [] }
  for (let round = 0; round < GATE_ROUNDS; round++) {
    for (const [kind, start] of [
      ['open', () => startRejoin()],
      ['guarded', startGuarded],
    ] as const) {
      const { sustained } = await run(start)
      if (sustained.cpuUs !== undefined) costs[kind].push(sustained.cpuUs)
    }
  }
  const [rejoin, peer] = [Math.min(...costs.guarded), Math.min(...costs.open)]
  const what = 'server CPU, us a delivered edit'
  printFigures(`one writer, ${READERS} readers, each of them somebody`, 'Rejoin that asks nobody who they are', [
    { work: 'up to 1,000 edits a second', what, rejoin, peer, goal: atMostTimesPeer(1.15) },
  ])
}

function figures(work: string, rejoin: FanOut, stock: FanOut, cpuTimes: number | undefined) {
  const cpuGoal = cpuTimes === undefined ? atMost(0.8) : atMostTimesPeer(cpuTimes)
  const isSteady = cpuTimes !== undefined
  return [
    { work, what: 'server CPU, us a delivered edit', rejoin: rejoin.cpuUs, peer: stock.cpuUs, goal: cpuGoal },
    { work, what: 'messages a delivered edit', rejoin: rejoin.messagesEach, peer: stock.messagesEach },
    { work, what: 'bytes a delivered edit', rejoin: rejoin.bytesEach, peer: stock.bytesEach },
    { work, what: 'latency p50, ms', rejoin: rejoin.p50, peer: stock.p50 },
    {
      work,
      what: 'latency p99, ms',
      rejoin: rejoin.p99,
      peer: stock.p99,
      goal: isSteady ? atMostTimesPeer(0.8) : undefined,
    },
  ]
}

async function run(start: () => Promise<ServedSystem>): Promise<{ steady: FanOut; sustained: FanOut }> {
  const system = await start()
  try {
    const writer = await system.join('writer')
    const readers: Person[] = []
    for (let n = 0; n < READERS; n++) readers.push(await system.join(`reader ${n}`))
    for (const person of [writer, ...readers]) person.connect()
    await system.until('all are connected', () => [writer, ...readers].every((person) => person.isSynced()))
    // what is compiled at first use is no figure
    await fanOut(system, writer, readers, { edits: 200, pauseMs: 0 })
    const steady = await fanOut(system, writer, readers, STEADY)
    const sustained = await fanOut(system, writer, readers, SUSTAINED)
    return { steady, sustained }
  } finally {
    await system.close()
  }
}

async function fanOut(
  system: ServedSystem,
  writer: Person,
  readers: readonly Person[],
  { edits, pauseMs }: typeof STEADY,
): Promise<FanOut> {
  await system.quiet()
  const base = writer.text.length
  const typedAt: number[] = []
  const latencies: number[] = []
  const watches = readers.map((reader) => watch(system, reader, base, typedAt, latencies))
  for (const { traffic } of readers) traffic.reset()
  const cpuBefore = system.server.cpuMs()
  for (let n = 0; n < edits; n++) {
    typedAt.push(system.now())
    writer.text.insert(base + n, 'x')
    await system.pause(pauseMs)
  }
  await system.until('all readers have all', () => readers.every(({ text }) => text.length === base + edits))
  await system.quiet()
  const cpuAfter = system.server.cpuMs()
  for (const stop of watches) stop()
  latencies.sort((a, b) => a - b)
  const delivered = edits * readers.length
  return {
    cpuUs: cpuBefore === undefined || cpuAfter === undefined ? undefined : ((cpuAfter - cpuBefore) * 1000) / delivered,
    p50: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    bytesEach: readers.reduce((sum, { traffic }) => sum + traffic.counts.bytesDown, 0) / delivered,
    messagesEach: readers.reduce((sum, { traffic }) => sum + traffic.counts.messagesDown, 0) / delivered,
  }
}

/** Notes how old each letter is when the reader sees it; returns what ends it. */
function watch(
  system: ServedSystem,
  { text }: Person,
  base: number,
  typedAt: readonly number[],
  latencies: number[],
): () => void {
  let seen = 0
  const look = (): void => {
    const now = system.now()
    for (; seen < text.length - base; seen++) latencies.push(now - (typedAt[seen] ?? now))
  }
  text.observe(look)
  return () => text.unobserve(look)
}
