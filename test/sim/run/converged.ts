/**
 * What must hold when everything is healed and quiet: one log, one version vector, one content, nothing waiting and nothing
 * lost. Every edit that somebody was told is safe is read by all, as in Jepsen's set test.
 */
import * as Y from 'yjs'
import { fingerprint } from '../../../shared/causality/comparing.ts'
import type { Head } from '../../../shared/causality/version-vector.ts'
import { inspectUpdate, type UpdateSummary } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import { summaryOf } from '../checkers/summaries.ts'
import type { WrittenEdit } from '../checkers/types.ts'
import { toCanonicalJson } from '../edits/content.ts'
import type { World } from '../world/types.ts'
import { docsOf } from '../world/world.ts'

/** Tells the world of every breach. */
export async function checkConverged(world: World): Promise<void> {
  for (const document of world.documents) await checkDocument(world, document)
  checkOutboxes(world)
}

async function checkDocument(world: World, document: string): Promise<void> {
  const logs = await logsOf(world, document)
  const safe = world.checkers.edits.filter(
    (edit) => edit.document === document && edit.safety !== 'nowhere' && !edit.excused,
  )
  const apart = await keptApart(world, document)
  checkLogs(world, document, logs, { safe, apart })
  checkDocs(world, document, { safe, apart })
}

/** Edits of a document that must be somewhere. */
interface Kept {
  safe: readonly WrittenEdit[]
  /** What rests on what a device lost to damage can join no log: it is kept there as a branch, for the app to export. */
  apart: readonly UpdateSummary[]
}

async function keptApart(world: World, document: string): Promise<readonly UpdateSummary[]> {
  const rows = await Promise.all(world.replicas.map(({ disk }) => disk.rows('branches')))
  const branches = rows.flat().map(({ value }) => value)
  return branches.flatMap((each) =>
    each.document === document && each.code === 'corrupt' ? [summaryOf(each.bytes)] : [],
  )
}

/** An edit that is not all in what is held: what no relay was told to have may be kept apart. */
function missingOf({ safe, apart }: Kept, held: readonly UpdateSummary[]): WrittenEdit | undefined {
  const index = createIntervalIndex()
  for (const summary of held) index.add(summary)
  const absent = safe.filter(({ summary }) => index.adds(summary))
  for (const summary of apart) index.add(summary)
  return absent.find(({ safety, summary }) => safety === 'relay' || index.adds(summary))
}

interface HeldLog {
  name: string
  updates: readonly Uint8Array[]
}

async function logsOf(world: World, document: string): Promise<HeldLog[]> {
  const logs: HeldLog[] = world.relays.map(({ name, disk }) => ({
    name,
    updates: disk.updates(document),
  }))
  for (const { name, disk } of world.replicas) {
    if (disk.durable) logs.push({ name, updates: (await disk.updates()).get(document) ?? [] })
  }
  return logs
}

function checkLogs(world: World, document: string, logs: readonly HeldLog[], kept: Kept): void {
  const { fail, checkers } = world
  const [first] = logs
  if (first === undefined) return
  const hash = hashJoinedLog([...first.updates])
  const vector = named(world, document, checkers.vector(first.name, document))
  for (const { name, updates } of logs.slice(1)) {
    if (hashJoinedLog([...updates]) !== hash) {
      fail(`[P1] the joined logs of ${document} differ at ${first.name} and ${name}`)
    }
    if (updates.length === 0 && first.updates.length > 0) fail(`[P10] ${name} has nothing of ${document}`)
    const mine = named(world, document, checkers.vector(name, document))
    if (fingerprint(mine) === fingerprint(vector)) continue
    fail(`[P1] the version vectors of ${document} differ at ${first.name} and ${name}: ${show(vector)} ${show(mine)}`)
  }
  const lost = missingOf(kept, first.updates.map(summaryOf))
  if (lost !== undefined) fail(`[P2] an edit of ${document} by ${lost.replica}, safe at ${lost.safety}, is lost`)
}

/**
 * What is to be equal of a version vector. A relay that was put back may give a name of its own twice, and so may copied profiles; where
 * relays have no mesh nobody decides which content keeps it at which relay. All of the content is everywhere even so.
 */
function named(world: World, document: string, vector: ReadonlyMap<string, Head>): ReadonlyMap<string, Head> {
  if (world.mesh || world.relays.length === 1 || !world.checkers.allowed.forks) return vector
  const relays = new Set(world.relays.map(({ disk }) => disk.replica))
  return new Map([...vector].filter(([origin]) => !relays.has(origin) && !world.checkers.isForked(document, origin)))
}

function checkDocs(world: World, document: string, kept: Kept): void {
  const docs = docsOf(world, document)
  const [first] = docs
  if (first === undefined) return
  const { fail } = world
  const all = docs.map(({ doc }) => doc)
  const json = toCanonicalJson(first.doc, all)
  /** A state in which nothing is missing: most others are the same. */
  let whole: Uint8Array | undefined
  for (const { name, doc } of docs) {
    const shown = doc === first.doc ? json : toCanonicalJson(doc, all)
    if (shown !== json) fail(`[P1] ${document} reads otherwise at ${first.name} and ${name}:\n${json}\n${shown}`)
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) {
      fail(`[P10] ${document} at ${name} still waits for structs`)
    }
    const { _transactionCleanups: cleanups } = doc as unknown as { _transactionCleanups: unknown[] }
    if (cleanups.length > 0) fail(`[P6] the Y.Doc of ${document} at ${name} is stuck in a transaction`)
    const state = Y.encodeStateAsUpdate(doc)
    const isKnown = whole !== undefined && Buffer.compare(whole, state) === 0
    const unread = isKnown ? undefined : missingOf(kept, [inspectUpdate(state)])
    if (unread === undefined) whole ??= state
    else {
      fail(`[P1] an edit of ${document} by ${unread.replica}, safe at ${unread.safety}, is not read by ${name}`)
    }
    try {
      world.oracle.check(document, doc)
    } catch (error) {
      fail(`[P8] ${name}: ${String(error)}`)
    }
  }
}

/** Nothing is past the watermark of the relay that a replica talks to. */
function checkOutboxes(world: World): void {
  for (const { name, disk } of world.replicas) {
    if (!disk.durable) continue
    for (const { relay } of world.network.links(name)) {
      const id = world.relays.find((each) => each.name === relay)?.disk.replica
      const waiting = id === undefined ? [] : world.checkers.outbox(name, id)
      if (waiting.length > 0) {
        world.fail(`[P10] ${name} still has ${waiting.length} records for ${relay}, ${waiting[0]} first`)
      }
    }
  }
}

const show = (vector: ReadonlyMap<string, { seq: number; chain: string }>): string =>
  [...vector]
    .map(([origin, { seq, chain }]) => `${origin.slice(0, 4)}:${seq}:${chain.slice(0, 4)}`)
    .sort()
    .join(' ')
