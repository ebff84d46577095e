/** Rejoin in an app: open a workspace, or use the provider in place of y-websocket's. Safe to import on a server. */
export type { Environment } from '../shared/environment.ts'
export { type ErrorCode, RejoinError } from '../shared/errors.ts'
export type { Dial, Socket, SocketHandlers } from './connection/socket.ts'
export type { DocumentHandle, SavedLevel } from './document.ts'
export { importYIndexeddb } from './importing.ts'
export { type ProviderEvents, type ProviderOptions, RejoinProvider } from './provider.ts'
export { createMemoryReplicaStore } from './replica/memory.ts'
export type * from './replica/store.ts'
export type {
  Connection,
  DocumentStatus,
  Kept,
  KeptAt,
  Readable,
  Receipt,
  Role,
  StorageHealth,
  StorageTrouble,
  WorkspaceStatus,
} from './status.ts'
export { estimateStorage, persistStorage, type StorageRoom } from './storage-room.ts'
export { guardUnload } from './unload.ts'
export {
  type Branch,
  type OpenOptions,
  openWorkspace,
  type Workspace,
  type WorkspaceEvents,
  type WorkspaceOptions,
} from './workspace.ts'
