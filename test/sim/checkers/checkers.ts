/**
 * What must hold after every step: logs are well formed, version vectors, places, watermarks and receipts only move forward
 * and stand for what they say, one dot is one content, every bound is kept, and what was acknowledged is somewhere. A
 * breach is told once, at once.
 */
import { summariesOf } from '../../../client/replica/content.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { createIntervalIndex, type IntervalIndex } from '../../../shared/update/intervals.ts'
import type { ClientDisk } from '../storage/client-disk.ts'
import { createBounds } from './bounds.ts'
import { createCheckpoints } from './checkpoints.ts'
import { createClientLogs } from './client-logs.ts'
import { createDots } from './dots.ts'
import { createRelayLogs } from './relay-logs.ts'
import { summaryOf } from './summaries.ts'
import { createTerms } from './terms.ts'
import { type Allowances, type Checkers, dotOf, type Safety, vectorOf, type WrittenEdit } from './types.ts'

export interface CheckersOptions {
  now(): number
  /** Name of the relay with this replica id. */
  relayOf(replicaId: string): string | undefined
  isRelay(name: string): boolean
  /** All that a relay's disk holds of a document. */
  updatesAt(relay: string, document: string): readonly Uint8Array[]
  fail(what: string): void
}

const RANK: Record<Safety, number> = { nowhere: 0, device: 1, relay: 2 }

export function createCheckers(options: CheckersOptions): Checkers {
  const { now, relayOf, isRelay, updatesAt, fail } = options
  const edits: WrittenEdit[] = []
  /** The same by replica and document. */
  const written = new Map<string, WrittenEdit[]>()
  const allowed: Allowances = { forks: false, regress: false }
  const dots = createDots(() => allowed.forks, fail)
  const relays = createRelayLogs({ dots, updatesAt, fail })
  const clients = createClientLogs({ dots, relays, allowed, relayOf, fail })
  const checkpoints = createCheckpoints(fail)
  const terms = createTerms(fail)

  function told(those: readonly WrittenEdit[], safety: Safety): void {
    for (const edit of those) {
      if (RANK[edit.safety] >= RANK[safety]) continue
      edit.safety = safety
      if (safety !== 'relay' || edit.excused || allowed.regress || allowed.forks) continue
      if (relays.hold(edit.document, edit.summary)) continue
      fail(`[P2] ${edit.replica} was told that an edit of ${edit.document} is at a relay, but none has it`)
    }
  }

  function editsBy(replica: string, document: string): WrittenEdit[] {
    const key = `${replica} ${document}`
    let found = written.get(key)
    if (found === undefined) {
      found = []
      written.set(key, found)
    }
    return found
  }

  function takenBack(replica: string, document: string): void {
    if (allowed.regress || allowed.forks) return
    const mine = editsBy(replica, document)
    if (mine.length === 0 || mine.some(({ safety }) => safety !== 'relay')) return
    fail(`[P4] ${replica} was told that all of ${document} is at a relay, and now that it is not`)
  }

  function toldAtRelays(those: readonly WrittenEdit[], count: number): void {
    for (const edit of those) {
      edit.relays = Math.max(count, edit.relays ?? 0)
      if (edit.excused || allowed.regress || allowed.forks) continue
      const { length } = relays.holders(edit.document, edit.summary)
      if (length >= count) continue
      fail(
        `[P2] ${edit.replica} was told that an edit of ${edit.document} is at ${count} relays, and ${length} have it`,
      )
    }
  }

  function losing(relay: string): void {
    if (allowed.regress || allowed.forks) return
    for (const { relays: count = 0, excused, document, summary, replica } of edits) {
      if (count < 2 || excused || relays.holders(document, summary).some((holder) => holder !== relay)) continue
      fail(`[P2] an edit of ${document} by ${replica}, told to be at ${count} relays, is lost with ${relay}`)
    }
  }

  async function excuse(disks: readonly ClientDisk[], spoilt?: Uint8Array): Promise<void> {
    // What was spoilt before, or is packed, says nothing.
    const took = summariesOf(spoilt === undefined ? [] : [spoilt])
    const isStored = ({ safety, summary }: WrittenEdit): boolean => safety !== 'nowhere' || !took.adds(summary)
    const missing = edits.filter((edit) => !edit.excused && isStored(edit) && !relays.hold(edit.document, edit.summary))
    if (missing.length === 0) return
    const indexes = await indexesOf(disks, new Set(missing.map(({ document }) => document)))
    for (const edit of missing) edit.excused = indexes.get(edit.document)?.adds(edit.summary) !== false
  }

  return {
    edits,
    allowed,
    bounds: createBounds(now, fail),
    wrote(edit) {
      edits.push(edit)
      editsBy(edit.replica, edit.document).push(edit)
    },
    relayCommitted: (relay, batch, head) => relays.committed(relay, batch, head),
    relayRestored: (relay, changes) => relays.restored(relay, changes),
    relaySpoiled: (relay, document) => relays.spoiled(relay, document),
    clientCommitted(replica, writes, by) {
      terms.committed(replica, writes, by)
      clients.committed(replica, writes)
      checkpoints.committed(replica, writes)
    },
    clientRestored(replica, writes) {
      terms.restored(replica)
      clients.restored(replica, writes)
      checkpoints.restored(replica, writes)
    },
    told,
    takenBack,
    typedBy: (replica, document) => editsBy(replica, document).length,
    toldAtRelays,
    losing,
    excuse,
    vector: (name, document) => vectorOf(isRelay(name) ? relays.of(name) : clients.of(name), document),
    forksMet: 0,
    isForked: dots.isForked,
    lacks: (replica) => clients.of(replica).lacks.size > 0,
    outbox(replica, relayReplica) {
      const client = clients.of(replica)
      // Without a row the two will be compared: nothing is claimed.
      const from = client.peers.get(relayReplica)?.watermark ?? client.head
      const waiting: string[] = []
      for (let offset = from + 1; offset <= client.head; offset++) {
        const entry = client.records.get(offset)
        if (entry === undefined || entry.from === relayReplica) continue
        if (!client.dots.get(entry.document, entry.origin, entry.seq)) continue
        waiting.push(dotOf(entry))
      }
      return waiting
    },
  }
}

async function indexesOf(
  disks: readonly ClientDisk[],
  documents: ReadonlySet<string>,
): Promise<Map<string, IntervalIndex>> {
  const indexes = new Map<string, IntervalIndex>()
  for (const disk of disks) {
    for (const [document, updates] of await disk.updates()) {
      if (!documents.has(document)) continue
      const index = indexes.get(document) ?? createIntervalIndex()
      indexes.set(document, index)
      for (const update of updates) addTo(index, update)
    }
  }
  return indexes
}

/** Damage that was taken for an update says nothing. */
function addTo(index: IntervalIndex, update: Uint8Array): void {
  try {
    index.add(summaryOf(update))
  } catch (error) {
    if (!(error instanceof RejoinError)) throw error
  }
}
