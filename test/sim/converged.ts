/** What must hold when everything is healed and quiet: one log, one content, nothing waiting, nothing lost. */
import { fingerprint } from '../../shared/causality/version-vector.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../shared/update/intervals.ts'
import { hashJoinedLog } from '../../shared/update/joined-log.ts'
import { toCanonicalJson } from './edits.ts'
import { docsOf, type World } from './world.ts'

/** Tells the world of every breach. */
export async function checkConverged(world: World): Promise<void> {
  for (const document of world.documents) await checkDocument(world, document)
}

async function checkDocument(world: World, document: string): Promise<void> {
  const logs = await logsOf(world, document)
  const [first] = logs
  if (first === undefined) return
  const { fail } = world
  for (const { name, updates, hash } of logs) {
    if (hash !== first.hash) fail(`[P1] the joined logs of ${document} differ at ${first.name} and ${name}`)
    if (updates.length === 0 && first.updates.length > 0) fail(`[P10] ${name} has nothing of ${document}`)
    const mine = world.checkers.vector(name, document)
    const theirs = world.checkers.vector(first.name, document)
    if (fingerprint(mine) !== fingerprint(theirs)) {
      fail(`[P1] the version vectors of ${document} differ at ${first.name} and ${name}: ${show(theirs)} ${show(mine)}`)
    }
  }
  checkDocs(world, document)
  checkNothingLost(world, document, first.updates)
}

interface HeldLog {
  name: string
  updates: Uint8Array[]
  hash: string
}

async function logsOf(world: World, document: string): Promise<HeldLog[]> {
  const logs: HeldLog[] = []
  const add = (name: string, updates: Uint8Array[]): void => {
    logs.push({ name, updates, hash: hashJoinedLog(updates) })
  }
  for (const { name, disk } of world.relays) {
    add(
      name,
      disk.log.filter(({ where }) => where.document === document).map(({ record }) => record.bytes),
    )
  }
  for (const { name, disk } of world.replicas) {
    if (disk.durable) add(name, (await disk.updates()).get(document) ?? [])
  }
  return logs
}

function checkDocs(world: World, document: string): void {
  const docs = docsOf(world, document)
  const [first] = docs
  if (first === undefined) return
  const json = toCanonicalJson(first.doc)
  for (const { name, doc } of docs) {
    if (toCanonicalJson(doc) !== json) {
      world.fail(`[P1] ${document} reads otherwise at ${first.name} and ${name}:\n${json}\n${toCanonicalJson(doc)}`)
    }
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) {
      world.fail(`[P10] ${document} at ${name} still waits for structs`)
    }
    const { _transactionCleanups: cleanups } = doc as unknown as { _transactionCleanups: unknown[] }
    if (cleanups.length > 0) world.fail(`[P6] the Y.Doc of ${document} at ${name} is stuck in a transaction`)
  }
  try {
    world.oracle.check(document, first.doc)
  } catch (error) {
    world.fail(`[P8] ${String(error)}`)
  }
}

/** Everything that somebody was told is safe is in the log. */
function checkNothingLost(world: World, document: string, updates: readonly Uint8Array[]): void {
  const index = createIntervalIndex()
  for (const update of updates) index.add(inspectUpdate(update))
  for (const edit of world.checkers.edits) {
    if (edit.document !== document || edit.safety === 'nowhere' || edit.excused) continue
    if (!index.adds(edit.summary)) continue
    world.fail(`[P2] an edit of ${document} by ${edit.replica}, safe at ${edit.safety}, is lost`)
    return
  }
}

const show = (vector: ReadonlyMap<string, { seq: number; chain: string }>): string =>
  [...vector]
    .map(([origin, { seq, chain }]) => `${origin.slice(0, 4)}:${seq}:${chain.slice(0, 4)}`)
    .sort()
    .join(' ')
