/** The workspace of a tree of components, and hooks for what is in it. On a server nothing is opened. */
import {
  createContext,
  createElement,
  type FunctionComponentElement,
  type ProviderProps,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react'
import type * as Y from 'yjs'
import type { DocumentHandle, DocumentStatus, Workspace, WorkspaceOptions, WorkspaceStatus } from '../index.ts'
import { createHolder, type Holder } from './holder.ts'
import { createPeople, createValue, type Person, type Shared } from './stores.ts'

const Context = createContext<Holder | undefined>(undefined)

export interface WorkspaceProviderProps {
  /** How to open it, as it was when the provider was mounted: it is closed with the provider. Give a `key` to open another one. */
  options?: WorkspaceOptions
  /** One that is open already: it stays open. */
  workspace?: Workspace
  children?: ReactNode
}

/** Opens a workspace when it is mounted and closes it when it goes; throws into the error boundary where it does not open. */
export function WorkspaceProvider(
  props: WorkspaceProviderProps,
): FunctionComponentElement<ProviderProps<Holder | undefined>> {
  const given = props.workspace ?? props.options
  if (given === undefined) throw new Error('Rejoin: WorkspaceProvider needs `options` or `workspace`')
  const [holder] = useState(() => createHolder(given))
  useEffect(() => holder.retain(), [holder])
  const error = useSyncExternalStore(holder.subscribe, () => holder.error, nothing)
  if (error !== undefined) throw error
  return createElement(Context.Provider, { value: holder }, props.children)
}

const nothing = (): undefined => undefined

/** The workspace; `undefined` until it is open, and on a server. */
export function useWorkspace(): Workspace | undefined {
  const holder = useHolder()
  return useSyncExternalStore(holder.subscribe, () => holder.workspace, nothing)
}

function useHolder(): Holder {
  const holder = useContext(Context)
  if (holder === undefined) throw new Error('Rejoin: there is no WorkspaceProvider around this component')
  return holder
}

/**
 * The document of this id, open for as long as the component is mounted: shared by all that name it. `undefined` until the workspace
 * is open; with `suspense` the component waits instead until this device's content is there (put the boundary inside of the provider).
 */
export function useDocument(id: string, options: { suspense: true }): DocumentHandle
export function useDocument(id: string, options?: { suspense?: boolean }): DocumentHandle | undefined
export function useDocument(id: string, { suspense = false } = {}): DocumentHandle | undefined {
  const holder = useHolder()
  const workspace = useWorkspace()
  if (workspace === undefined && suspense) throw holder.whenOpen
  const held = workspace === undefined ? undefined : holder.document(id)
  if (suspense && held !== undefined && !held.isLoaded && held.handle.status.get().error === undefined) {
    throw held.handle.whenLoaded
  }
  // What it was given in a render may be gone by now: the same id is opened again then.
  const [, again] = useState(0)
  useEffect(() => {
    if (workspace === undefined) return
    const now = holder.document(id)
    if (now !== held) again((count) => count + 1)
    return now.retain()
  }, [holder, workspace, id, held])
  return held?.handle
}

/**
 * What a shared type of a document holds, as `toJSON` or `read` gives it: the same value until it changes, whoever changes it.
 * `select` and `read` are as they were first given. `undefined` while there is no document.
 */
export function useShared<T extends Shared, R = ReturnType<T['toJSON']>>(
  handle: DocumentHandle | undefined,
  select: (doc: Y.Doc) => T,
  read?: (type: T) => R,
): R | undefined {
  const [how] = useState(() => ({ select, read: read ?? ((type: T): R => type.toJSON() as R) }))
  const value = useMemo(() => handle && createValue(how.select(handle.doc), how.read), [handle, how])
  return useSyncExternalStore(value?.subscribe ?? never, value?.get ?? nothing, nothing)
}

const never = () => nothing

const NOBODY: readonly Person<never>[] = []

/** Who is in a document, this client first, and what says who this one is. */
export function usePresence<S extends object>(
  handle: DocumentHandle | undefined,
): [people: readonly Person<S>[], show: (state: S | null) => void] {
  const people = useMemo(() => handle && createPeople<S>(handle.awareness), [handle])
  const show = useCallback((state: S | null) => handle?.awareness.setLocalState(state), [handle])
  return [useSyncExternalStore(people?.subscribe ?? never, people?.get ?? nobody, nobody), show]
}

const nobody = () => NOBODY

const APART: WorkspaceStatus & DocumentStatus = {
  connection: 'offline',
  unacknowledged: 0,
  receipt: 'memory',
  storage: 'memory',
  lastSyncedAt: 0,
  kept: 'device',
  pinned: false,
}

/** Where a document stands, or the workspace without one, as while a document is still to be chosen; offline until it is open. */
export function useSyncStatus(handle: DocumentHandle): DocumentStatus
export function useSyncStatus(handle?: undefined): WorkspaceStatus
export function useSyncStatus(handle: DocumentHandle | undefined): WorkspaceStatus | DocumentStatus
export function useSyncStatus(handle?: DocumentHandle): WorkspaceStatus | DocumentStatus {
  const workspace = useWorkspace()
  const status = (handle ?? workspace)?.status
  const get = (): WorkspaceStatus | DocumentStatus => status?.get() ?? APART
  return useSyncExternalStore<WorkspaceStatus | DocumentStatus>(status?.subscribe ?? never, get, () => APART)
}
