/**
 * What must hold after every step: logs are well formed, version vectors, places and watermarks only move forward and stand
 * for what they say, one dot is one content, and what was acknowledged is somewhere. A breach is told once, at once.
 */
import type { DocumentRow, LogRow, PeerRow, ReplicaRow } from '../../client/replica/store.ts'
import type { CommitBatch } from '../../server/storage/store.ts'
import { nextChain } from '../../shared/causality/chain.ts'
import { type Head, headOf } from '../../shared/causality/version-vector.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import { createIntervalIndex, type IntervalIndex } from '../../shared/update/intervals.ts'
import type { ClientDisk, DiskWrite } from './client-storage.ts'

/** How far the app was told that an edit is safe. */
export type Safety = 'nowhere' | 'device' | 'relay'

/** One update that somebody's Y.Doc emitted. */
export interface WrittenEdit {
  replica: string
  document: string
  summary: UpdateSummary
  safety: Safety
  /** A fault took every copy of it: nobody can be blamed for that. */
  excused: boolean
}

/** What faults that happened allow. */
export interface Allowances {
  /** Identities were copied or put back: dots may have two contents until they meet. */
  forks: boolean
  /** A store was put back or damaged: its vectors may go back. */
  regress: boolean
}

export interface Checkers {
  readonly edits: readonly WrittenEdit[]
  readonly allowed: Allowances
  wrote(edit: WrittenEdit): void
  relayCommitted(relay: string, batch: CommitBatch): void
  /** A relay's disk was put back to so many entries. */
  relayRestored(relay: string, entries: CommitBatch['entries']): void
  clientCommitted(replica: string, writes: readonly DiskWrite[]): void
  /** A client's disk was put back to these rows, or emptied. */
  clientRestored(replica: string, writes: readonly DiskWrite[]): void
  /** The app was told that these edits are safe. */
  told(edits: readonly WrittenEdit[], safety: Safety): void
  /** Edits that no disk holds any more, after a fault that took them, are not asked for again. */
  excuse(disks: readonly ClientDisk[]): Promise<void>
  /** Version vector of a document as a replica's or relay's disk has it. */
  vector(holder: string, document: string): ReadonlyMap<string, Head>
}

/** A disk as the checkers have seen it grow. */
interface Holder {
  vectors: Map<string, Map<string, Head>>
  /** Relay: chain by dot; client: rows of the log by offset. */
  dots: Map<string, string>
  log: Map<number, { document: string; origin: string; seq: number; chain?: string }>
  index: Map<string, { index: IntervalIndex; waiting: Uint8Array[] }>
  restored: number
  peers: Map<string, PeerRow>
}

const RANK: Record<Safety, number> = { nowhere: 0, device: 1, relay: 2 }

export function createCheckers(
  relayOf: (replicaId: string) => string | undefined,
  fail: (what: string) => void,
): Checkers {
  const holders = new Map<string, Holder>()
  const dots = new Map<string, string>()
  const edits: WrittenEdit[] = []
  const relays = new Set<string>()
  const allowed: Allowances = { forks: false, regress: false }

  function holder(name: string): Holder {
    let found = holders.get(name)
    if (found === undefined) {
      found = { vectors: new Map(), dots: new Map(), log: new Map(), index: new Map(), restored: 0, peers: new Map() }
      holders.set(name, found)
    }
    return found
  }

  function oneContent(document: string, origin: string, seq: number, chain: string): void {
    const dot = `${document}/${origin}/${seq}`
    const known = dots.get(dot)
    if (known === undefined) dots.set(dot, chain)
    else if (known !== chain && !allowed.forks) fail(`[P8] the dot ${dot} has two contents`)
  }

  function vectorOf(held: Holder, document: string): Map<string, Head> {
    const found = held.vectors.get(document) ?? new Map()
    held.vectors.set(document, found)
    return found
  }

  function takeEntries(relay: string, batch: Pick<CommitBatch, 'entries'>): void {
    const held = holder(relay)
    for (const { offset, where, record } of batch.entries) {
      const { origin, seq, chain, checksum } = record
      const vector = vectorOf(held, where.document)
      const before = headOf(vector, origin)
      if (offset !== held.log.size + 1) fail(`[P4] ${relay} wrote offset ${offset} after ${held.log.size}`)
      if (seq !== before.seq + 1) fail(`[P4] ${relay} took ${origin}/${seq} of ${where.document} after ${before.seq}`)
      if (nextChain(before.chain, checksum) !== chain) fail(`[P8] ${relay} took ${origin}/${seq} on another history`)
      oneContent(where.document, origin, seq, chain)
      vector.set(origin, { seq, chain })
      held.dots.set(`${where.document}/${origin}/${seq}`, chain)
      held.log.set(offset, { document: where.document, origin, seq, chain })
      const index = held.index.get(where.document) ?? { index: createIntervalIndex(), waiting: [] }
      index.waiting.push(record.bytes)
      held.index.set(where.document, index)
    }
  }

  function indexOf(relay: string, document: string): IntervalIndex | undefined {
    const found = holder(relay).index.get(document)
    for (const bytes of found?.waiting.splice(0) ?? []) found?.index.add(inspectUpdate(bytes))
    return found?.index
  }

  function takeWrite(replica: string, held: Holder, write: DiskWrite, strict: boolean): void {
    const { table, key, after } = write
    if (table === 'documents') takeDocument(replica, held, after as DocumentRow, strict)
    else if (table === 'log') {
      const row = after as LogRow
      held.log.set(Number(key[0]), row)
    } else if (table === 'records' && after !== undefined) {
      const { chain } = after as { chain: string }
      oneContent(String(key[0]), String(key[1]), Number(key[2]), chain)
      held.dots.set(key.join('/'), chain)
    } else if (table === 'records') held.dots.delete(key.join('/'))
    else if (table === 'meta' && strict) {
      const before = write.before as ReplicaRow | undefined
      if (before !== undefined && (after as ReplicaRow).head < before.head) fail(`[P4] the log of ${replica} went back`)
    }
  }

  function takeDocument(replica: string, held: Holder, row: DocumentRow, strict: boolean): void {
    const before = vectorOf(held, row.document)
    const after = new Map(row.vector.map(({ origin, seq, chain }) => [origin, { seq, chain }]))
    if (strict && !allowed.forks && !allowed.regress) {
      for (const [origin, { seq }] of before) {
        const now = headOf(after, origin)
        if (now.seq < seq) fail(`[P4] ${replica} held ${origin}/${seq} of ${row.document} and now ${now.seq}`)
      }
    }
    held.vectors.set(row.document, after)
  }

  /** A place stands for everything before it being here, a watermark for everything before it being there. */
  function takePeer(replica: string, held: Holder, row: PeerRow): void {
    const relay = relayOf(row.replica)
    const before = held.peers.get(row.replica)
    held.peers.set(row.replica, row)
    if (relay === undefined) return
    const there = holder(relay)
    const same = before !== undefined && before.round === row.round
    if (same && before.place.epoch === row.place.epoch && row.place.offset < before.place.offset) {
      fail(`[P4] the place of ${replica} at ${relay} went from ${before.place.offset} back to ${row.place.offset}`)
    }
    if (same && row.watermark < before.watermark) {
      fail(`[P4] the watermark of ${replica} at ${relay} went from ${before.watermark} back to ${row.watermark}`)
    }
    if (there.restored > 0 || allowed.forks || allowed.regress) return
    for (let offset = (same ? before.place.offset : 0) + 1; offset <= row.place.offset; offset++) {
      const entry = there.log.get(offset)
      if (entry === undefined) fail(`[P4] the place of ${replica} at ${relay} is beyond its log: ${offset}`)
      else if (headOf(vectorOf(held, entry.document), entry.origin).seq < entry.seq) {
        fail(`[P4] ${replica} passed ${entry.origin}/${entry.seq} of ${entry.document} at ${relay} without it`)
      }
    }
    for (let offset = (same ? before.watermark : 0) + 1; offset <= row.watermark; offset++) {
      const entry = held.log.get(offset)
      if (entry === undefined || !held.dots.has(dotOf(entry))) continue
      if (!there.dots.has(dotOf(entry))) {
        fail(`[P2] ${replica} takes ${dotOf(entry)} for acknowledged by ${relay}, which does not have it`)
      }
    }
  }

  async function excuse(disks: readonly ClientDisk[]): Promise<void> {
    const indexes = new Map<string, IntervalIndex>()
    for (const disk of disks) {
      for (const [document, updates] of await disk.updates()) {
        const index = indexes.get(document) ?? createIntervalIndex()
        indexes.set(document, index)
        for (const update of updates) index.add(inspectUpdate(update))
      }
    }
    for (const edit of edits) {
      if (edit.safety === 'nowhere' || edit.excused) continue
      const held =
        indexes.get(edit.document)?.adds(edit.summary) === false ||
        [...relays].some((relay) => indexOf(relay, edit.document)?.adds(edit.summary) === false)
      if (!held) edit.excused = true
    }
  }

  return {
    edits,
    allowed,
    excuse,
    wrote: (edit) => void edits.push(edit),
    relayCommitted(relay, batch) {
      relays.add(relay)
      takeEntries(relay, batch)
      for (const { document, vector } of batch.documents) {
        const own = vectorOf(holder(relay), document)
        for (const [origin, { seq, chain }] of vector) {
          const known = headOf(own, origin)
          if (known.seq !== seq || known.chain !== chain) fail(`[P4] ${relay} notes ${origin}/${seq} of ${document}`)
        }
      }
    },
    relayRestored(relay, entries) {
      const restored = holder(relay).restored + 1
      holders.delete(relay)
      holder(relay).restored = restored
      takeEntries(relay, { entries })
    },
    clientCommitted(replica, writes) {
      const held = holder(replica)
      for (const write of writes) takeWrite(replica, held, write, true)
      for (const { table, key, after } of writes) {
        if (table !== 'peers') continue
        if (after === undefined) held.peers.delete(String(key[0]))
        else takePeer(replica, held, after as PeerRow)
      }
    },
    clientRestored(replica, writes) {
      holders.delete(replica)
      const held = holder(replica)
      for (const write of writes) takeWrite(replica, held, write, false)
      for (const { table, after } of writes) {
        if (table === 'peers') held.peers.set((after as PeerRow).replica, after as PeerRow)
      }
    },
    told(those, safety) {
      for (const edit of those) {
        if (RANK[edit.safety] >= RANK[safety]) continue
        edit.safety = safety
        if (safety !== 'relay' || edit.excused || allowed.regress || allowed.forks) continue
        const held = [...relays].some((relay) => indexOf(relay, edit.document)?.adds(edit.summary) === false)
        if (!held) fail(`[P2] ${edit.replica} was told that an edit of ${edit.document} is at a relay, but none has it`)
      }
    },
    vector: (name, document) => vectorOf(holder(name), document),
  }
}

const dotOf = ({ document, origin, seq }: { document: string; origin: string; seq: number }): string =>
  `${document}/${origin}/${seq}`
