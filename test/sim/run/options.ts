/** What a simulation is asked for, and what it tells. */
import type { DocumentHandle } from '../../../client/document.ts'
import type { EditKind, Recording } from '../edits/editor.ts'
import type { FaultKind } from '../faults/index.ts'
import type { Chance } from '../time/chance.ts'
import type { Bend } from '../world/types.ts'

export interface SimulateOptions {
  /** How many seeds to run, or which. */
  seeds: number | readonly number[]
  /** The first of them, where they are counted; 1 by default. */
  firstSeed?: number
  /** Clients; 4 by default. Every third seed gives one of three and more no storage of its own. */
  replicas?: number
  /** 2 by default. */
  relays?: number
  /** Relays gossip with one another; otherwise, as by default, clients carry what they hold from one to the next. */
  mesh?: boolean
  /** Documents that every client has open; 2 by default. */
  documents?: number
  /** Virtual time with edits and faults, before the healing; 60,000 by default. */
  durationMs?: number
  /** Times that a client edits in a minute, 1 to 6 edits each; 30 by default. With `actions`, actions in a minute. */
  editsPerMinute?: number
  /** Faults in a minute, in the whole world; 12 by default. */
  faultsPerMinute?: number
  /** Kinds of faults that may happen; each seed switches some of them off. By default all that the engine is known to stand. */
  faults?: readonly FaultKind[]
  /** Kinds of random edits; by default each seed takes some. */
  edits?: readonly EditKind[]
  /** Logs are folded after few records, and what was folded is soon trimmed; by default as in production. */
  folds?: boolean
  /** What is typed where letters are typed; made up by default. */
  recording?: Recording
  /** An app's own edits, in place of random ones. */
  actions?: Readonly<Record<string, Action>>
  /** Raises an error where a document is not as the app promises; asked of every open document when all is quiet. */
  invariant?(note: DocumentHandle): void
  /** What an app shows of a document; it must be the same everywhere when all is quiet. */
  content?(note: DocumentHandle): string
  /** How often a failure is run again to find fewer steps; 100 by default. */
  shrinkRunsMax?: number
  bend?: Bend
  /** Is told everything that happens, a line each. */
  trace?(line: string): void
  /** Is told of every seed when it has run. */
  progress?(result: SeedResult): void
  /** Is told of a failure once fewer steps of it were found. */
  failed?(failure: Failure): void
}

/** One edit of an app. What it needs of chance it takes from `chance`. */
export type Action = (note: DocumentHandle, chance: Chance) => void

/** What happens at one moment of virtual time. The seed decides over everything else about it. */
export interface Step {
  readonly at: number
  readonly kind: string
  readonly seed: number
}

export interface SeedResult {
  seed: number
  /** 64 bits over everything that happened: the same seed twice gives the same. */
  hash: string
  failure?: string
  steps: readonly Step[]
  /** Faults that found a victim, by kind. */
  injected: Record<string, number>
  virtualMs: number
  realMs: number
  /** Time of processors, of this whole process: what else the machine does is not in it. */
  cpuMs: number
  /** Updates that Y.Docs emitted. */
  edits: number
  /** Frames that arrived. */
  frames: number
}

export interface SimulateResult {
  runs: number
  virtualMs: number
  realMs: number
  /** Time of processors, of this whole process: what else the machine does is not in it. */
  cpuMs: number
  /** Virtual time in real time. */
  speed: number
  /** Virtual time in time of processors. */
  cpuSpeed: number
  edits: number
  injected: Record<string, number>
  failures: Failure[]
}

export interface Failure {
  seed: number
  failure: string
  steps: readonly Step[]
  /** As few steps as were found to fail as well. */
  shrunk: readonly Step[]
}

export const DEFAULTS = {
  replicas: 4,
  relays: 2,
  documents: 2,
  durationMs: 60_000,
  editsPerMinute: 30,
  faultsPerMinute: 12,
  shrinkRunsMax: 100,
} as const
