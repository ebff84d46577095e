/** What a relay asks of the other relays of a workspace, where there are any: a mesh provides it. */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import type { DocumentRef } from '../../shared/update/record.ts'

/** The heads of some origins: everything up to them is meant. */
export type Heads = VersionVector

export interface Replicas {
  /** Something is still on its way to one that can be reached: the workspace had better stay open. */
  readonly busy: boolean
  /**
   * Somebody reads this document: it is held against the other relays in the background. `told` hears how many of all relays
   * answered in time, where they were asked. The returned function forgets `told`.
   */
  opened(where: DocumentRef, told: (answered: number, all: number) => void): () => void
  /** Holds a document against the other relays now; resolves within a second to how many of all relays answered. */
  read(where: DocumentRef): Promise<{ answered: number; all: number }>
  /** Somebody has more of this document than is here: so may others. */
  wanted(where: DocumentRef): void
  /** Answers when the records up to these heads are durable at so many relays. The returned function takes the question back. */
  confirm(where: DocumentRef, heads: Heads, relays: number, answer: () => void): () => void
  close(): void
}

/** A relay that is alone. */
export const ALONE: Replicas = {
  busy: false,
  opened: () => () => {},
  read: async () => ({ answered: 1, all: 1 }),
  wanted() {},
  confirm(_, __, relays, answer) {
    if (relays <= 1) answer()
    return () => {}
  },
  close() {},
}
