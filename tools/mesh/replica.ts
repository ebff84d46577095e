/** A client of the mesh in this process: one that writes as a device does, or one that only reads what a relay has. */
import * as Y from 'yjs'
import { createMemoryReplicaStore, openWorkspace } from '../../client/index.ts'
import { writeMark } from '../../demo/lab/marks.ts'

export interface Replica {
  readonly name: string
  /** What it holds of the lab's document, as one update. */
  state(): Uint8Array
  readonly waiting: number
  readonly isSynced: boolean
  write(): void
  /** Tries at once to connect. */
  hurry(): void
  /** Deletes the lab's document, everywhere. */
  forget(): Promise<void>
  close(): Promise<void>
}

export interface ReplicaOptions {
  name: string
  workspace: string
  /** The lab's document. */
  story: string
  relays: readonly string[]
  /** Whether it keeps all notes as a device does, or nothing but the lab's document. */
  keeps: 'all' | 'opened'
  wrote(update: Uint8Array): void
}

export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { name, story, keeps, wrote } = options
  const workspace = await openWorkspace({
    id: options.workspace,
    user: name,
    relays: options.relays,
    storage: createMemoryReplicaStore({ durable: true }),
    sync: keeps,
  })
  workspace.on('error', () => {})
  const { doc } = workspace.open(story)
  doc.on('update', wrote)
  return {
    name,
    state: () => Y.encodeStateAsUpdate(doc),
    get waiting() {
      return workspace.status.get().unacknowledged
    },
    get isSynced() {
      return workspace.status.get().connection === 'synced'
    },
    write: () => writeMark(doc, name),
    hurry: () => workspace.connect(),
    forget: () => workspace.delete(story),
    close: () => workspace.close(),
  }
}
