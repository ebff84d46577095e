/**
 * What updates rest on, by Yjs client and clock: which records may be folded, and whether a transfer has its ground. What waits
 * for a relay is never folded, as it may have to leave the document; so neither is what rests on it. What floats, as its ground
 * was lost here and is yet to come, is folded with what brings that. So a checkpoint is closed: all that any piece of it builds
 * on or deletes is in it or in those before.
 */
import { type Head, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import type { OriginId } from '../../shared/ids.ts'
import { type Clocks, decodeClocks, raiseClocks } from '../../shared/update/fold.ts'
import { inspectUpdate, type StructRange, type UpdateSummary } from '../../shared/update/inspect.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import { splitUpdate } from '../../shared/update/split.ts'
import { readBeyond } from './checkpoints.ts'
import { needsOf, summaryOf } from './content.ts'
import { coveredBy, dotOf, inOrder, toRecord, vectorOf } from './rows.ts'
import { type Bad, isSoundRow } from './soundness.ts'
import type { CheckpointRow, DocumentRow, Grounding, ReadTransaction, Row } from './store.ts'

/** What of a document's records may become pieces. */
export interface Foldable {
  /** In the order of the log. */
  records: Row<'records'>[]
  /** Records that rest on what is not here: they are none of the above, and nothing that is folded rests on them. */
  floating: Row<'records'>[]
  /** What the checkpoint covers, with them in it. */
  vector: Map<OriginId, Head>
  /** What it holds then. */
  clocks: Clocks
  /** Clocks of what is not folded. */
  apart: Clocks
  /** Acknowledged records are among what is not folded, as they rest on what waits. */
  isPart: boolean
  /** Records that are damaged or gone: nothing is to be folded before that is mended. */
  bad: Bad[]
}

/** Finds what may be folded of the records that the checkpoint does not cover yet. */
export async function readFoldable(
  transaction: ReadTransaction,
  row: DocumentRow,
  vector: VersionVector,
  checkpoint: CheckpointRow | undefined,
): Promise<Foldable> {
  return findFoldable(row, vector, checkpoint, await readBeyond(transaction, row.document, vector, checkpoint))
}

/** The same of those records, as `readBeyond` reads them. */
export function findFoldable(
  row: DocumentRow,
  vector: VersionVector,
  checkpoint: CheckpointRow | undefined,
  beyond: readonly Row<'records'>[],
): Foldable {
  const rows = inOrder(beyond)
  const bad = findBad(row, vector, checkpoint, rows)
  return { ...sortOut(row, checkpoint, bad.length > 0 ? [] : rows), bad }
}

/** The same of rows in the order of the log, whether or not they are sound. */
function sortOut(
  row: DocumentRow,
  checkpoint: CheckpointRow | undefined,
  rows: Row<'records'>[],
): Omit<Foldable, 'bad'> {
  const foldable: Omit<Foldable, 'bad'> = {
    records: [],
    floating: [],
    vector: new Map(coveredBy(checkpoint)),
    clocks: checkpoint === undefined ? new Map() : decodeClocks(checkpoint.stateVector),
    apart: new Map(),
    isPart: false,
  }
  const waits = new Set(row.waiting.map(dotOf))
  const stopped = new Map<OriginId, number>()
  // What floats may have its ground behind it in the log.
  for (let left = rows, before = -1; left.length > 0 && left.length !== before; left = foldable.floating) {
    before = left.length
    foldable.floating = []
    const floating = new Set<OriginId>()
    for (const each of left) sort(each, foldable, waits, stopped, floating)
  }
  return foldable
}

/** Puts a record where it belongs; none of an origin is folded behind one that is not. `stopped`: from where on none is, by origin. */
function sort(
  row: Row<'records'>,
  foldable: Omit<Foldable, 'bad'>,
  waits: ReadonlySet<string>,
  stopped: Map<OriginId, number>,
  floating: Set<OriginId>,
): void {
  const { origin, seq, chain } = toRecord(row.key, row.value)
  const summary = summaryOf(row.value.bytes)
  const needs = summary === undefined ? NO_CLOCKS : needsOf(summary)
  const isWaiting = waits.size > 0 && waits.has(dotOf({ origin, seq }))
  if (isWaiting || seq > (stopped.get(origin) ?? seq) || rests(needs, foldable)) {
    stopped.set(origin, Math.min(seq, stopped.get(origin) ?? seq))
    for (const range of summary?.structs ?? []) raise(foldable.apart, range)
    foldable.isPart ||= !isWaiting
  } else if (floating.has(origin) || !areMet(needs, foldable.clocks)) {
    floating.add(origin)
    foldable.floating.push(row)
  } else {
    foldable.vector.set(origin, { seq, chain })
    // What is no update says nothing, whatever its dot.
    if (summary === undefined) return
    foldable.records.push(row)
    raiseClocks(foldable.clocks, summary.structs)
  }
}

const NO_CLOCKS: ReadonlyMap<number, number> = new Map()

function areMet(needs: Iterable<readonly [client: number, clock: number]>, clocks: Clocks): boolean {
  for (const [client, clock] of needs) if (clock > (clocks.get(client) ?? 0)) return false
  return true
}

/** Whether something rests on what is not folded. */
export function rests(
  needs: Iterable<readonly [client: number, clock: number]>,
  { clocks, apart }: Pick<Foldable, 'clocks' | 'apart'>,
): boolean {
  if (apart.size === 0) return false
  for (const [client, clock] of needs) {
    const known = clocks.get(client) ?? 0
    if (clock > known && (apart.get(client) ?? 0) > known) return true
  }
  return false
}

/** Parts that an update is cut into to find what of it rests on ground. */
const GROUND_PARTS = 4096

/**
 * What was stored late may be what records of others rest on that are here already, and hold what rests on those. As one record it
 * would wait for them and they for it: so first comes what rests on ground, and then the rest.
 */
export async function cutAtGround(
  transaction: ReadTransaction,
  row: DocumentRow,
  update: Uint8Array,
): Promise<Uint8Array[]> {
  const checkpoint = await transaction.get('checkpoints', [row.document])
  const vector = vectorOf(row)
  const rows = inOrder(await readBeyond(transaction, row.document, vector, checkpoint))
  const { clocks, apart, floating } = sortOut(row, checkpoint, rows)
  if (floating.length === 0 || findBad(row, vector, checkpoint, rows).length > 0) return [update]
  const known: Clocks = new Map(clocks)
  for (const [client, clock] of apart) known.set(client, Math.max(known.get(client) ?? 0, clock))
  const firm: Uint8Array[] = []
  const loose: Uint8Array[] = []
  for (const part of splitUpdate(update, Math.ceil(update.length / GROUND_PARTS))) {
    const summary = inspectUpdate(part)
    const rested = [...needsOf(summary)].every(([client, clock]) => clock <= (known.get(client) ?? 0))
    if (rested) raiseClocks(known, summary.structs)
    const those = rested ? firm : loose
    those.push(part)
  }
  return [firm, loose].filter(({ length }) => length > 0).map((parts) => joinUpdates(parts))
}

/** The grounding of updates, with one more behind them. */
export function grounded(before: Grounding, summary: UpdateSummary): Grounding {
  const holds = [...before.holds]
  for (const { client, clock, length } of summary.structs) {
    const at = holds.findIndex(([of, , to]) => of === client && to === clock)
    const joined = holds[at]
    if (joined === undefined) holds.push([client, clock, clock + length])
    else holds[at] = [client, joined[1], clock + length]
  }
  const needs = new Map(before.needs)
  for (const [client, clock] of needsOf(summary)) {
    const within = holds.find(([of, from, to]) => of === client && from < clock && clock <= to)
    const need = within === undefined ? clock : within[1]
    if (need > (needs.get(client) ?? 0)) needs.set(client, need)
  }
  return { holds, needs: [...needs] }
}

export const NO_GROUND: Grounding = { holds: [], needs: [] }

/** What has its ground when a transfer has come. */
export interface Landed {
  /** Of the records that floated, those that do not any more, in the order of the log. */
  records: Row<'records'>[]
  /** What is held then. */
  clocks: Clocks
}

/**
 * The most of what floats that is closed together with what may be folded and what came: all that any of it rests on is among it.
 * What came may rest on what floated, and that on what came. `undefined` where what came has no ground even so.
 */
export function land({ clocks, floating }: Foldable, came: Grounding): Landed | undefined {
  let candidates = floating.map((row) => {
    const summary = summaryOf(row.value.bytes)
    const [structs, needs] = summary === undefined ? [[], NO_CLOCKS] : [summary.structs, needsOf(summary)]
    return { row, origin: String(row.key[1]), structs, needs }
  })
  for (;;) {
    const held = holding(clocks, came, candidates)
    const stopped = new Set<OriginId>()
    const left = candidates.filter(({ origin, needs }) => {
      if (!stopped.has(origin) && areMet(needs, held)) return true
      stopped.add(origin)
      return false
    })
    if (left.length === candidates.length) {
      return areMet(came.needs, held) ? { records: left.map(({ row }) => row), clocks: held } : undefined
    }
    candidates = left
  }
}

/** Clocks below which all is among these. */
function holding(clocks: Clocks, { holds }: Grounding, more: readonly { structs: readonly StructRange[] }[]): Clocks {
  const ranges = [
    ...holds.map(([client, clock, to]) => ({ client, clock, length: to - clock })),
    ...more.flatMap(({ structs }) => structs),
  ]
  const held: Clocks = new Map(clocks)
  raiseClocks(
    held,
    ranges.sort((a, b) => a.clock - b.clock),
  )
  return held
}

function raise(clocks: Clocks, { client, clock, length }: StructRange): void {
  clocks.set(client, Math.max(clocks.get(client) ?? 0, clock + length))
}

/** Records that do not match their checksums, and the first one of an origin that is not there although it is held. */
function findBad(
  row: DocumentRow,
  vector: VersionVector,
  checkpoint: CheckpointRow | undefined,
  rows: readonly Row<'records'>[],
): Bad[] {
  const { document } = row
  const bad: Bad[] = []
  const byOrigin = Map.groupBy(rows, ({ key }) => String(key[1]))
  const covered = coveredBy(checkpoint)
  for (const [origin, head] of vector) {
    let expected = headOf(covered, origin).seq + 1
    for (const each of byOrigin.get(origin) ?? []) {
      if (Number(each.key[2]) !== expected || !isSoundRow(row, each)) break
      expected++
    }
    if (expected <= head.seq) bad.push({ document, origin, seq: expected })
  }
  return bad
}
