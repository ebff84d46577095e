/** What a Node relay tells Prometheus: read from counters when it asks, so that nothing is counted twice and nothing waits. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { MeshCounters } from '../mesh/counters.ts'
import type { MeshView } from '../mesh/mesh.ts'

export interface Metrics {
  /** A group of so many records of so many bytes became durable, this long after the first of it came; or did not. */
  committed(records: number, bytes: number, waitedMs: number): void
  commitFailed(): void
  /** Something at which the relay failed was set aside. */
  setAside(): void
  refused(code: string): void
  /** The text that Prometheus reads. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  version: string
  connections(): number
  workspaces(): number
  /** It has peers, or lets some come. */
  isMesh: boolean
  mesh(): MeshView | undefined
}

/** Seconds: a person sees the last ones. */
const LATENCY_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Counters of the mesh with what they count. */
const MESH_TOTALS: Readonly<Record<keyof MeshCounters, string>> = {
  exchanges: 'Requests to peers that were answered.',
  failures: 'Requests to peers that failed.',
  bytesOut: 'Bytes of requests to peers.',
  bytesIn: 'Bytes of answers of peers.',
  requests: 'Requests of peers.',
  refused: 'Requests of peers that were refused.',
  pushes: 'Pushes that peers took.',
  pushedRecords: 'Records in them.',
  rounds: 'Rounds of anti-entropy: comparisons by digest.',
  repairs: 'Documents that differed at a peer and were mended.',
  stuck: 'Documents that differed and could not be mended.',
  forks: 'Documents of which one name has two contents.',
  yields: 'Documents whose branch at a peer took the place of the one here, which was sealed under another name.',
  hintsPurged: 'Times that what a peer is owed passed its bound.',
  reads: 'Reads that asked the other relays.',
  readAnswers: 'Relays that answered these reads in time, this one included. Over asked it is the harvest.',
  readAsked: 'Relays that these reads asked, this one included.',
}

export function createMetrics({ version, connections, workspaces, isMesh, mesh }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const latency = new Histogram({
    name: 'rejoin_accept_seconds',
    help: 'From the arrival of a group of updates until it is durable.',
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const records = new Counter({ name: 'rejoin_records_total', help: 'Records that became durable.', registers })
  const bytes = new Counter({ name: 'rejoin_record_bytes_total', help: 'Bytes of them.', registers })
  const failed = new Counter({
    name: 'rejoin_commit_failures_total',
    help: 'Groups that could not be stored. Over all groups: what is missing to a full yield.',
    registers,
  })
  const refusals = new Counter({
    name: 'rejoin_refusals_total',
    help: 'Updates, pieces and deletions of clients and peers that were not taken, by reason.',
    labelNames: ['code'],
    registers,
  })
  const quarantined = new Counter({
    name: 'rejoin_quarantined_total',
    help: 'Updates and documents at which the relay failed; rejoin inspect lists them.',
    registers,
  })
  new Gauge({ name: 'rejoin_info', help: 'The version that runs.', labelNames: ['version'], registers }).set(
    { version },
    1,
  )
  gauge('rejoin_connections', 'Connections of clients.', connections)
  gauge('rejoin_workspaces_open', 'Workspaces in use.', workspaces)
  if (isMesh) meshMetrics()

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }

  function meshMetrics(): void {
    for (const [name, help] of Object.entries(MESH_TOTALS) as [keyof MeshCounters, string][]) {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      new Counter({
        name: `rejoin_mesh_${snake}_total`,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(mesh()?.counters[name] ?? 0)
        },
      })
    }
    gauge('rejoin_mesh_workspaces', 'Workspaces that hold anything.', () => mesh()?.workspaces ?? 0)
    perPeer('rejoin_peer_up', 'Whether the peer answers.', ({ members }) =>
      members.map(({ address, up }) => [address, up ? 1 : 0]),
    )
    perPeer('rejoin_peer_differs', 'Whether it held something else when it last answered.', ({ members }) =>
      members.map(({ address, differs }) => [address, differs ? 1 : 0]),
    )
    perPeer('rejoin_peer_lag_entries', 'Entries of logs behind its watermark, or compared one by one.', ({ hints }) =>
      hints.map(({ peer, entries, mending }) => [peer, entries + mending]),
    )
    perPeer('rejoin_peer_hint_bytes', 'Bytes of updates that are kept for it.', ({ hints }) =>
      hints.map(({ peer, bytes: owed }) => [peer, owed]),
    )
    perPeer(
      'rejoin_peer_lag_seconds',
      'How long the oldest of that has waited.',
      ({ hints }) => hints.map(({ peer, sinceMs }) => [peer, sinceMs / 1000]),
      Math.max,
    )
  }

  function perPeer(
    name: string,
    help: string,
    read: (view: MeshView) => (readonly [peer: string, value: number])[],
    join: (a: number, b: number) => number = (a, b) => a + b,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers,
      collect() {
        this.reset()
        const view = mesh()
        if (view === undefined) return
        const values = new Map(view.members.map(({ address }) => [address, 0]))
        for (const [peer, value] of read(view)) values.set(peer, join(values.get(peer) ?? 0, value))
        for (const [peer, value] of values) this.set({ peer }, value)
      },
    })
  }

  return {
    committed(count, size, waitedMs) {
      latency.observe(waitedMs / 1000)
      records.inc(count)
      bytes.inc(size)
    },
    commitFailed: () => failed.inc(),
    refused: (code) => refusals.inc({ code }),
    setAside: () => quarantined.inc(),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
