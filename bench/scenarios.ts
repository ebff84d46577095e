/** The work of catching up, the same for every system: somebody was away, comes back, and waits until all is there. */
import { MISSED, type Script, typeAll, typeLetters } from './script.ts'
import type { Person, System } from './systems/system.ts'
import type { Counts } from './systems/traffic.ts'

export interface Cost extends Counts {
  /** From `connect` until everything is there. */
  ms: number
}

export const RECONNECT = 'reconnect, nothing changed'
export const CATCH_UP = `${MISSED} edits missed`
export const COLD_JOIN = 'cold join'
export const OFFLINE = 'offline: 10,000 in, 1,000 out'

/**
 * Runs all of them after the author has typed the document. With `times`, what can be repeated is, and the median counts.
 */
export async function runScenarios(
  system: System,
  author: Person,
  script: Script,
  times = 1,
): Promise<Map<string, Cost>> {
  const costs = new Map<string, Cost>()
  const reader = await system.join('reader')
  await comeBack(system, reader, author)

  const reconnects = await repeat(times, () => {
    reader.disconnect()
    return comeBack(system, reader, author)
  })
  costs.set(RECONNECT, reconnects)

  reader.disconnect()
  for (const txn of script.missed) await typeAll(system, author, [txn], 50)
  await author.delivered()
  costs.set(CATCH_UP, await comeBack(system, reader, author))

  const joins = await repeat(times, async (n) => {
    const newcomer = await system.join(`newcomer ${n}`)
    const cost = await comeBack(system, newcomer, author)
    await newcomer.leave()
    return cost
  })
  costs.set(COLD_JOIN, joins)

  costs.set(OFFLINE, await repeat(times, (n) => beOffline(system, script, `draft ${n}`)))
  return costs
}

/** Two people share a document; one of them is offline while both go on. */
async function beOffline(system: System, script: Script, document: string): Promise<Cost> {
  const author = await system.join(`author of ${document}`, document)
  const reader = await system.join(`reader of ${document}`, document)
  author.connect()
  author.text.insert(0, script.startContent)
  await author.delivered()
  await comeBack(system, reader, author)
  reader.disconnect()
  await system.quiet()
  await typeAll(system, author, script.draft, 0)
  await author.delivered()
  await typeLetters(system, reader)
  const cost = await comeBack(system, reader, author)
  for (const person of [author, reader]) await person.leave()
  return cost
}

/** Connects, and waits until both have all that the other has. */
async function comeBack(system: System, person: Person, author: Person): Promise<Cost> {
  await system.quiet()
  person.traffic.reset()
  const begun = system.now()
  person.connect()
  await system.until(
    `${person.name} has everything`,
    () => person.isSynced() && author.isSynced() && haveSameText(person, author),
  )
  const ms = system.now() - begun
  await system.quiet()
  return { ...person.traffic.counts, ms }
}

/** The median of each figure. */
async function repeat(times: number, work: (n: number) => Promise<Cost>): Promise<Cost> {
  const all: Cost[] = []
  for (let n = 0; n < times; n++) all.push(await work(n))
  const median = (field: keyof Cost) => all.map((cost) => cost[field]).sort((a, b) => a - b)[all.length >> 1] ?? 0
  return {
    bytesUp: median('bytesUp'),
    bytesDown: median('bytesDown'),
    messagesUp: median('messagesUp'),
    messagesDown: median('messagesDown'),
    roundTrips: median('roundTrips'),
    ms: median('ms'),
  }
}

/** Texts of one length are compared: that is seldom, and they differ only where something is wrong or under way. */
function haveSameText({ text: a }: Person, { text: b }: Person): boolean {
  return a.length === b.length && a.toString() === b.toString()
}
