/** Rejoin in React 18 and 19: a provider and hooks. Safe under StrictMode, with Suspense and on a server. */
export {
  useDocument,
  usePresence,
  useShared,
  useSyncStatus,
  useWorkspace,
  WorkspaceProvider,
  type WorkspaceProviderProps,
} from './hooks.ts'
export type { Person, Shared } from './stores.ts'
