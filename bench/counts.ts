/** What catching up costs in bytes, messages and round trips: numbers that no machine and no clock changes. */
import { runScenarios } from './scenarios.ts'
import { generatedScript, typeAll } from './script.ts'
import type { Counts } from './systems/traffic.ts'
import { createVirtual } from './systems/virtual.ts'

/** Transactions of the document: enough for several frames, few enough for a test. */
const TRANSACTIONS = 20_000
const DOCUMENTS = 1_000
const CHANGED = 10
const SEED = 1

export type CountsByWork = Record<string, Counts>

export async function countAll(): Promise<CountsByWork> {
  return { ...(await countDocument()), ...(await countDocuments()) }
}

/** One document, two people, and a newcomer. */
async function countDocument(): Promise<CountsByWork> {
  const system = createVirtual(SEED)
  const script = generatedScript(TRANSACTIONS)
  const author = await system.join('author')
  author.connect()
  author.text.insert(0, script.startContent)
  await typeAll(system, author, script.document, 30)
  await author.delivered()
  const costs = await runScenarios(system, author, script)
  await system.close()
  return Object.fromEntries([...costs].map(([work, { ms: _, ...counts }]) => [work, counts]))
}

/** Many documents, of which few change or none. */
async function countDocuments(): Promise<CountsByWork> {
  const system = createVirtual(SEED)
  const [author, reader] = [await system.enter('author'), await system.enter('reader')]
  const counts: CountsByWork = {}

  async function comeBack(work: string): Promise<void> {
    await system.quiet()
    reader.traffic.reset()
    reader.workspace.connect()
    const isSynced = () => reader.workspace.status.get().connection === 'synced'
    await system.until(`the reader is synced: ${work}`, isSynced)
    await system.quiet()
    counts[work] = { ...reader.traffic.counts }
    reader.workspace.disconnect()
  }

  author.workspace.connect()
  for (let n = 0; n < DOCUMENTS; n++) await author.write(`notes/${n}`, 'Somebody wrote this. ')
  await comeBack(`${DOCUMENTS} documents, all new`)
  await comeBack(`${DOCUMENTS} documents, nothing changed`)
  for (let n = 0; n < CHANGED; n++) {
    await author.write(`notes/${(n * DOCUMENTS) / CHANGED}`, 'Somebody changed it. ')
  }
  await comeBack(`${DOCUMENTS} documents, ${CHANGED} changed`)
  await system.close()
  return counts
}
