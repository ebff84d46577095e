/** What the checkers are told, and what they say. */
import type { CommitBatch } from '../../../server/storage/store.ts'
import type { Head } from '../../../shared/causality/version-vector.ts'
import type { UpdateSummary } from '../../../shared/update/inspect.ts'
import type { ClientDisk, DiskWrite } from '../storage/client-disk.ts'
import type { RelayDiskCopy } from '../storage/relay-disk.ts'
import type { Bounds } from './bounds.ts'

/** How far the app was told that an edit is safe. */
export type Safety = 'nowhere' | 'device' | 'relay'

/** One update that somebody's Y.Doc emitted. */
export interface WrittenEdit {
  readonly replica: string
  readonly document: string
  readonly summary: UpdateSummary
  safety: Safety
  /** At how many relays, as the app was told. */
  relays?: number
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
  readonly bounds: Bounds
  wrote(edit: WrittenEdit): void
  /** `head`: of its log, after it. */
  relayCommitted(relay: string, batch: CommitBatch, head: number): void
  /** A relay's disk was put back to what was done to it until then. */
  relayRestored(relay: string, changes: RelayDiskCopy): void
  /** Something of a document does not read any more on a relay's disk as it was written. */
  relaySpoiled(relay: string, document: string): void
  /** `by`: the tab that wrote. */
  clientCommitted(replica: string, writes: readonly DiskWrite[], by: string): void
  /** A client's disk was put back to these rows, or emptied. */
  clientRestored(replica: string, writes: readonly DiskWrite[]): void
  /** The app was told that these edits are safe. */
  told(edits: readonly WrittenEdit[], safety: Safety): void
  /** The app is shown that not all of a document is at a relay. */
  takenBack(replica: string, document: string): void
  /** So many edits of a document were typed in tabs of a replica. */
  typedBy(replica: string, document: string): number
  /** The app was told that these edits are at so many relays. */
  toldAtRelays(edits: readonly WrittenEdit[], relays: number): void
  /** A relay's disk is to be lost for ever: what is at two relays is at another one. */
  losing(relay: string): void
  /** Edits that no disk holds any more, after a fault that took them, are not asked for again; nor what of these bytes nobody was told yet. */
  excuse(disks: readonly ClientDisk[], spoilt?: Uint8Array): Promise<void>
  /** Version vector of a document as a replica's or relay's disk has it. */
  vector(holder: string, document: string): ReadonlyMap<string, Head>
  /** How often an app was told that something forked. */
  forksMet: number
  /** A name of this document stood for two contents. */
  isForked(document: string, origin: string): boolean
  /** Something that a relay had was damaged at this client, and is not there again. */
  lacks(replica: string): boolean
  /** Records of this client that it does not know to be at this relay. */
  outbox(replica: string, relayReplica: string): readonly string[]
}

/** A disk as the checkers have seen it grow. */
export interface Held {
  readonly vectors: Map<string, Map<string, Head>>
}

/** A record in a log. */
export interface HeldRecord {
  readonly document: string
  readonly origin: string
  readonly seq: number
  /** Of a client: the relay that sent it; `undefined` where it was sealed here. */
  readonly from?: string
}

export const dotOf = ({ document, origin, seq }: { document: string; origin: string; seq: number }): string =>
  `${document}/${origin}/${seq}`

export function vectorOf(held: Held, document: string): Map<string, Head> {
  let found = held.vectors.get(document)
  if (found === undefined) {
    found = new Map()
    held.vectors.set(document, found)
  }
  return found
}
