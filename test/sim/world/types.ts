/** What a world is made of. */
import type { Dial } from '../../../client/connection/socket.ts'
import type { DocumentHandle } from '../../../client/document.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import type { Workspace } from '../../../client/workspace.ts'
import type { Principal } from '../../../server/auth/principal.ts'
import type { Mesh, MeshTransport } from '../../../server/mesh/mesh.ts'
import type { RelayCore } from '../../../server/relay/relay.ts'
import type { RelayStore } from '../../../server/storage/store.ts'
import type { ErrorCode } from '../../../shared/errors.ts'
import type { ContentOracle } from '../checkers/content-oracle.ts'
import type { Checkers, WrittenEdit } from '../checkers/types.ts'
import type { Editor, Recording } from '../edits/editor.ts'
import type { Network } from '../network/types.ts'
import type { ClientDisk } from '../storage/client-disk.ts'
import type { RelayDisk } from '../storage/relay-disk.ts'
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Process } from '../time/process.ts'
import type { Sleeper } from './sleeper.ts'

export interface WorldOptions {
  /** Decides everything that is left to chance. */
  seed: number
  /** Clients: browser profiles, each with a tab at first. */
  replicas: number
  relays: number
  /** Relays gossip with one another; otherwise clients carry what they hold from one to the next. */
  mesh?: boolean
  /** Documents that every tab has open. */
  documents: number
  /** Replicas among them that keep nothing on their device. */
  memoryReplicas?: number
  /** Nothing that is not open, and that relays have, is to stay on a device. */
  roomless?: boolean
  /** Disks of devices may forget their last commits. */
  forgetful?: boolean
  /** Logs are folded after few records, and what was folded is soon trimmed. */
  folds?: boolean
  /** Relays that do not gossip are run as Durable Objects are, which lose their memory and keep their sockets. */
  sleeps?: boolean
  /** What is typed where somebody types letter by letter. */
  recording?: Recording
  /** Bends the ports of the real code, to plant a bug. */
  bend?: Bend
  /** Is told everything that happens, a line each. */
  trace?(line: string): void
}

/** Wrappers around the ports of the real code. */
export interface Bend {
  relayStore?(store: RelayStore, clock: Clock): RelayStore
  replicaStore?(store: ReplicaStore): ReplicaStore
  dial?(dial: Dial, chance: Chance): Dial
  transport?(transport: MeshTransport, chance: Chance): MeshTransport
  clientId?(chance: Chance): number
  /** Relays ask for tokens, which are names of people. */
  authenticate?(person: string, now: number): Principal
}

/** A document that is open in a tab. */
export interface SimNote {
  readonly handle: DocumentHandle
  readonly editor: Editor
  readonly edits: WrittenEdit[]
}

export interface SimTab {
  readonly process: Process
  workspace: Workspace | undefined
  readonly notes: Map<string, SimNote>
}

export interface SimReplica {
  readonly name: string
  readonly disk: ClientDisk
  readonly tabs: SimTab[]
  /** Whose it is: a copied profile is the same one's. */
  person: string
}

export interface SimRelay {
  readonly name: string
  readonly disk: RelayDisk
  process: Process | undefined
  core: Pick<RelayCore, 'close'> | undefined
  mesh: Mesh | undefined
  /** Where relays sleep. */
  sleeper: Sleeper | undefined
}

export interface World {
  /** Relays ask for tokens. */
  readonly gated: boolean
  /** Relays gossip with one another. */
  readonly mesh: boolean
  readonly clock: Clock
  readonly network: Network
  readonly checkers: Checkers
  readonly oracle: ContentOracle
  readonly documents: readonly string[]
  readonly replicas: SimReplica[]
  readonly relays: readonly SimRelay[]
  /** The first breach; nothing runs after it. */
  readonly failure: string | undefined
  /** 64 bits over everything that happened. */
  hash(): string
  /** Something happened: it becomes part of the hash. */
  note(what: string): void
  fail(what: string): void
  /** Frames that reached an end, so far; signs of life are none, nor content checks. */
  framesDelivered(): number
  /** Codes of errors that faults explain; any other is a breach. */
  readonly explained: Set<ErrorCode>
  addReplica(durable: boolean): SimReplica
  openTab(replica: SimReplica): SimTab
  /** Lets it store what is typed and go. */
  closeTab(replica: SimReplica, tab: SimTab): void
  killTab(replica: SimReplica, tab: SimTab): void
  /**
   * Takes the lock away from the tab that leads, whose code runs on and hears of it so much later. The next tab leads, or where there is
   * none, the same one again. Says whether there was a leader.
   */
  stealLead(replica: SimReplica, lateMs: number): boolean
  /** A device that is new: it reads all that the relay has which it comes to first. */
  addNewcomer(relay: SimRelay): void
  /** Opens a document in a tab, where it is not open. */
  openNote(replica: SimReplica, tab: SimTab, document: string): void
  /** Closes a document in a tab. */
  closeNote(tab: SimTab, document: string): void
  startRelay(relay: SimRelay): void
  stopRelay(relay: SimRelay): void
  killRelay(relay: SimRelay): void
  /** Asks to be told when what was written in this note is safe. */
  askSaved(tab: SimTab, note: SimNote, level: 'device' | 'relay'): void
  /** Ends everything; idempotent. */
  close(): void
}

/** What the rooms of a world have in common. */
export interface Ground {
  readonly options: WorldOptions
  readonly bend: Bend
  readonly chance: Chance
  readonly clock: Clock
  readonly checkers: Checkers
  readonly oracle: ContentOracle
  readonly explained: Set<ErrorCode>
  /** A process of this world, with a chance of its own. */
  spawn(name: string): Process
  /** How many tabs and relays were started before. */
  nextStart(): number
  note(what: string): void
  fail(what: string): void
  /** A relay gave up a document, as something of it is damaged: what was only there is lost. */
  gaveUp(): void
  /** An error that somebody told of: a breach unless faults explain it. */
  blame(who: string, error: unknown): void
}
