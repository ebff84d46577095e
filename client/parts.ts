/**
 * The code of a workspace that is not loaded with it: bundlers make files of their own of each `import()` here. What opens
 * documents, takes edits and stores them needs none of them.
 */
import { toRejoinError } from '../shared/errors.ts'
import type { Checkpoints } from './replica/loading.ts'

export type LogPart = Pick<typeof import('./acting.ts'), 'createActing' | 'createCompacting' | 'openWhole'>

/** Loads them; the simulator has them already, so that a seed decides everything. */
export interface Parts {
  /** The rest of the update log: what talks to relays, folds, deletes and mends. */
  log(): Promise<LogPart>
  /** The connection, and what is said over it. */
  relaying(): Promise<Pick<typeof import('./relaying.ts'), 'createRelaying'>>
  /** What reads checkpoints: documents that were folded open as soon as it is there. */
  inflating(): Promise<Checkpoints>
  /** The store in memory, where that is wished for or no other one opens. */
  memory(): Promise<Pick<typeof import('./replica/memory.ts'), 'createMemoryReplicaStore'>>
  /** What goes on without a storage that did not open, and moves there when it does. */
  recovering(): Promise<Pick<typeof import('./recovering.ts'), 'openRecovering'>>
}

export const importedParts: Parts = {
  log: () => import('./acting.ts'),
  relaying: () => import('./relaying.ts'),
  inflating: () => import('./replica/inflating.ts'),
  memory: () => import('./replica/memory.ts'),
  recovering: () => import('./recovering.ts'),
}

/** Raises `not-loaded` for code that does not come. */
export async function loaded<T>(part: Promise<T>): Promise<T> {
  try {
    return await part
  } catch (error) {
    throw toRejoinError(error, 'not-loaded', 'code of the workspace')
  }
}
