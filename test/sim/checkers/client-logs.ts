/**
 * What must hold of every transaction of a client's replica: its version vectors, places and watermarks only move forward,
 * and stand for what they say: a place for everything before it being here, a watermark for everything before it being there.
 */
import type { ReplicaRow, Tables } from '../../../client/replica/store.ts'
import { type Head, headOf, type VersionVector } from '../../../shared/causality/version-vector.ts'
import type { OriginId } from '../../../shared/ids.ts'
import type { DiskWrite } from '../storage/client-disk.ts'
import { createDotMap, type DotMap, type Dots } from './dots.ts'
import type { RelayLog, RelayLogs } from './relay-logs.ts'
import { type Allowances, dotOf, type Held, type HeldRecord, vectorOf } from './types.ts'

export interface ClientLogs {
  committed(replica: string, writes: readonly DiskWrite[]): void
  restored(replica: string, writes: readonly DiskWrite[]): void
  of(replica: string): ClientLog
}

export interface ClientLog extends Held {
  readonly head: number
  /** By their offsets. */
  readonly records: ReadonlyMap<number, HeldRecord>
  /** Dots of records that are there. */
  readonly dots: Pick<DotMap<true>, 'get'>
  readonly peers: ReadonlyMap<string, Tables['peers']>
  /** Documents that left the device to make room, and are not whole again: what was held of them. */
  readonly away: ReadonlyMap<string, VersionVector>
  /** Documents of which something that a relay had was damaged, and is not here again. */
  readonly lacks: ReadonlySet<string>
}

interface Log extends ClientLog {
  head: number
  readonly records: Map<number, HeldRecord>
  readonly dots: DotMap<true>
  readonly peers: Map<string, Tables['peers']>
  readonly away: Map<string, VersionVector>
  readonly lacks: Set<string>
}

export interface ClientLogsOptions {
  dots: Dots
  relays: RelayLogs
  allowed: Allowances
  /** Name of the relay with this replica id. */
  relayOf(replicaId: string): string | undefined
  fail(what: string): void
}

export function createClientLogs(options: ClientLogsOptions): ClientLogs {
  const { dots, relays, allowed, fail } = options
  const logs = new Map<string, Log>()

  function of(replica: string): Log {
    let found = logs.get(replica)
    if (found === undefined) {
      found = {
        vectors: new Map(),
        dots: createDotMap(),
        records: new Map(),
        peers: new Map(),
        away: new Map(),
        lacks: new Set(),
        head: 0,
      }
      logs.set(replica, found)
    }
    return found
  }

  function take(replica: string, log: Log, { table, key, after }: DiskWrite, strict: boolean): void {
    if (table === 'documents' && after !== undefined) takeDocument(replica, log, after as Tables['documents'], strict)
    else if (table === 'log') takeLogRow(log, Number(key[0]), after as Tables['log'] | undefined)
    else if (table === 'records') takeRecord(log, key, after as Tables['records'] | undefined)
    else if (table === 'meta' && key[0] === 'replica' && after !== undefined) {
      const { head } = after as ReplicaRow
      if (strict && head < log.head) fail(`[P4] the log of ${replica} went from ${log.head} back to ${head}`)
      log.head = head
    }
  }

  function takeRecord(log: Log, key: DiskWrite['key'], row: Tables['records'] | undefined): void {
    const [document, origin, seq] = [String(key[0]), String(key[1]), Number(key[2])]
    if (row === undefined) return log.dots.delete(document, origin, seq)
    dots.seen(document, origin, seq, row.chain)
    log.dots.set(document, origin, seq, true)
  }

  function takeDocument(replica: string, log: Log, row: Tables['documents'], strict: boolean): void {
    const { document } = row
    const before = vectorOf(log, document)
    const after = toVector(row.vector)
    const away = row.away && toVector(row.away.vector)
    const isStrict = strict && !allowed.forks && !allowed.regress
    if (isStrict && away !== undefined && !log.away.has(document)) checkLeft(replica, document, before)
    if (isStrict) {
      const now = joined(after, away)
      for (const [origin, { seq }] of joined(before, log.away.get(document))) {
        const held = headOf(now, origin)
        if (held.seq < seq) fail(`[P4] ${replica} held ${origin}/${seq} of ${document} and now ${held.seq}`)
      }
    }
    log.vectors.set(document, after)
    if (row.lacks === undefined) log.lacks.delete(document)
    else log.lacks.add(document)
    if (away === undefined) log.away.delete(document)
    else log.away.set(document, away)
  }

  /** What leaves a device is at a relay, all of it. */
  function checkLeft(replica: string, document: string, held: VersionVector): void {
    for (const [origin, { seq }] of held) {
      if (relays.holdDot(document, origin, seq)) continue
      fail(`[P2] ${origin}/${seq} of ${document} left ${replica}, and no relay has it`)
    }
  }

  function takePeer(replica: string, log: Log, row: Tables['peers']): void {
    const relay = options.relayOf(row.replica)
    const before = log.peers.get(row.replica)
    log.peers.set(row.replica, row)
    if (relay === undefined) return
    // A comparison begins anew: what was known of the relay before counts no more.
    const since = before !== undefined && before.round === row.round ? before : undefined
    if (since?.place.epoch === row.place.epoch && row.place.offset < since.place.offset) {
      fail(`[P4] the place of ${replica} at ${relay} went from ${since.place.offset} back to ${row.place.offset}`)
    }
    if (since !== undefined && row.watermark < since.watermark) {
      fail(`[P4] the watermark of ${replica} at ${relay} went from ${since.watermark} back to ${row.watermark}`)
    }
    const there = relays.of(relay)
    if (there.restored > 0 || allowed.forks || allowed.regress) return
    for (let offset = (since?.place.offset ?? 0) + 1; offset <= row.place.offset; offset++) {
      checkPassed(replica, log, relay, there, offset)
    }
    for (let offset = (since?.watermark ?? 0) + 1; offset <= row.watermark; offset++) {
      checkAcknowledged(replica, log, relay, there, offset)
    }
  }

  function checkPassed(replica: string, log: Log, relay: string, there: RelayLog, offset: number): void {
    if (offset > there.head) return fail(`[P4] the place of ${replica} at ${relay} is beyond its log: ${offset}`)
    const record = there.records.get(offset)
    // What left is compared with the relay when it is wanted again.
    if (record === undefined || log.away.has(record.document)) return
    if (headOf(vectorOf(log, record.document), record.origin).seq >= record.seq) return
    fail(`[P4] ${replica} passed ${dotOf(record)} at ${relay} without it`)
  }

  function checkAcknowledged(replica: string, log: Log, relay: string, there: RelayLog, offset: number): void {
    const record = log.records.get(offset)
    if (record === undefined || !log.dots.get(record.document, record.origin, record.seq)) return
    if (headOf(vectorOf(there, record.document), record.origin).seq >= record.seq) return
    fail(`[P2] ${replica} takes ${dotOf(record)} for acknowledged by ${relay}, which does not have it`)
  }

  /** What is whole again lacks nothing that any place has passed. */
  function checkHome(replica: string, log: Log, document: string): void {
    if (allowed.forks || allowed.regress) return
    for (const { replica: id, place } of log.peers.values()) {
      const relay = options.relayOf(id)
      const there = relay === undefined ? undefined : relays.of(relay)
      if (relay === undefined || there === undefined || there.restored > 0) continue
      for (let offset = 1; offset <= place.offset; offset++) {
        if (there.records.get(offset)?.document === document) checkPassed(replica, log, relay, there, offset)
      }
    }
  }

  return {
    of,
    committed(replica, writes) {
      const log = of(replica)
      const away = new Set(log.away.keys())
      for (const write of writes) take(replica, log, write, true)
      for (const { table, key, after } of writes) {
        if (table !== 'peers') continue
        if (after === undefined) log.peers.delete(String(key[0]))
        else takePeer(replica, log, after as Tables['peers'])
      }
      for (const document of away) if (!log.away.has(document)) checkHome(replica, log, document)
    },
    restored(replica, writes) {
      logs.delete(replica)
      const log = of(replica)
      for (const write of writes) take(replica, log, write, false)
      for (const { table, after } of writes) {
        if (table === 'peers') log.peers.set((after as Tables['peers']).replica, after as Tables['peers'])
      }
    },
  }
}

const toVector = (rows: Tables['documents']['vector']): Map<OriginId, Head> =>
  new Map(rows.map(({ origin, seq, chain }) => [origin, { seq, chain }]))

/** The greater head of each origin. */
function joined(one: VersionVector, other: VersionVector | undefined): VersionVector {
  if (other === undefined) return one
  const all = new Map(one)
  for (const [origin, head] of other) if (head.seq > headOf(all, origin).seq) all.set(origin, head)
  return all
}

function takeLogRow(log: Log, offset: number, row: Tables['log'] | undefined): void {
  if (row === undefined) return void log.records.delete(offset)
  const { document, origin, seq, from } = row
  log.records.set(offset, { document, origin, seq, from: 'relay' in from ? from.relay : undefined })
}
