/**
 * Row `kill`: the server is ended by SIGKILL while somebody types. What had been acknowledged, and what others had seen, is
 * looked for by somebody who comes after the restart, when writer and reader are gone: only the server can have it.
 */
import { type Random, seeded } from '../../test/support/random.ts'
import { startRejoin } from '../systems/rejoin.ts'
import { startStock } from '../systems/stock.ts'
import type { ServedSystem } from '../systems/system.ts'
import { atLeast, printFigures } from '../table.ts'

const CYCLES = 6
const TYPES_EVERY_MS = 3
const SEED = 3
/** How long the newcomer looks before what is not there counts as lost: the peer loads while it answers. */
const LOOKS_MS = 1_500

interface Survival {
  acknowledged: number
  acknowledgedLeft: number
  seen: number
  seenLeft: number
}

export async function printKill(): Promise<void> {
  const rejoin = await run(startRejoin)
  const stored = await run(() => startStock('leveldb'))
  const stock = await run(() => startStock('memory'))
  const title = `SIGKILL, ${CYCLES} times while somebody types: how much is still there, percent`
  printFigures(title, 'y-websocket with LevelDB', figures(rejoin, stored))
  printFigures(title, 'y-websocket', figures(rejoin, stock))
}

function figures(rejoin: Survival, peer: Survival) {
  const acknowledged = ({ acknowledged, acknowledgedLeft }: Survival) => percent(acknowledgedLeft, acknowledged)
  const seen = ({ seen, seenLeft }: Survival) => percent(seenLeft, seen)
  const counts = ({ acknowledged, seen }: Survival) => `${acknowledged} and ${seen}`
  const work = `of ${counts(rejoin)} edits; peer: of ${counts(peer)}`
  return [
    { work, what: 'acknowledged', rejoin: acknowledged(rejoin), peer: acknowledged(peer), goal: atLeast(100) },
    { work, what: 'seen by others', rejoin: seen(rejoin), peer: seen(peer), goal: atLeast(100) },
  ]
}

const percent = (part: number, whole: number): number => (100 * part) / whole

async function run(start: () => Promise<ServedSystem>): Promise<Survival> {
  const system = await start()
  const random = seeded(SEED)
  const sum: Survival = { acknowledged: 0, acknowledgedLeft: 0, seen: 0, seenLeft: 0 }
  try {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const { acknowledged, seen } = await typeUntilKilled(system, random, cycle)
      await system.server.start()
      const newcomer = await system.join(`newcomer ${cycle}`)
      newcomer.connect()
      await system.until('the newcomer is synced', newcomer.isSynced)
      await system.pause(LOOKS_MS)
      const left = new Set(newcomer.text.toString().split(' '))
      await newcomer.leave()
      sum.acknowledged += acknowledged.length
      sum.acknowledgedLeft += acknowledged.filter((word) => left.has(word)).length
      sum.seen += seen.length
      sum.seenLeft += seen.filter((word) => left.has(word)).length
    }
    return sum
  } finally {
    await system.close()
  }
}

async function typeUntilKilled(system: ServedSystem, random: Random, cycle: number) {
  const writer = await system.join(`writer ${cycle}`)
  const reader = await system.join(`reader ${cycle}`)
  for (const person of [writer, reader]) person.connect()
  await system.until('both are connected', () => writer.isSynced() && reader.isSynced())
  const acknowledged: string[] = []
  const written: string[] = []
  const end = system.now() + 200 + random(300)
  while (system.now() < end) {
    const word = `${cycle}.${written.length}`
    writer.text.insert(writer.text.length, `${word} `)
    written.push(word)
    writer.delivered().then(
      () => acknowledged.push(word),
      () => {},
    )
    await system.pause(TYPES_EVERY_MS)
  }
  const killed = system.server.kill()
  for (const person of [writer, reader]) person.disconnect()
  await killed
  const there = new Set(reader.text.toString().split(' '))
  const told = [...acknowledged]
  for (const person of [writer, reader]) await person.leave()
  return { acknowledged: told, seen: written.filter((word) => there.has(word)) }
}
