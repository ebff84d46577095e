/**
 * A workspace as a tree of components holds it: opened when the tree is mounted, closed when it has been unmounted for good. React
 * renders what it then throws away, and in StrictMode mounts everything twice; so whatever is let go is kept for a moment.
 */
import { type DocumentHandle, openWorkspace, type Workspace, type WorkspaceOptions } from '../index.ts'

export interface Holder {
  /** `undefined` until it is open. */
  readonly workspace: Workspace | undefined
  /** Why it does not open. */
  readonly error: unknown
  readonly whenOpen: Promise<Workspace>
  /** Calls `listener` when it is open, or does not open. */
  subscribe(listener: () => void): () => void
  /** A mounted tree holds it; returns what lets it go. */
  retain(): () => void
  /** The document, open: for as long as somebody retains it, and a moment. */
  document(id: string): HeldDocument
}

export interface HeldDocument {
  readonly handle: DocumentHandle
  /** This device's content is there. */
  readonly isLoaded: boolean
  retain(): () => void
}

/** Between the two mounts of StrictMode nothing else runs. */
const CLOSED_AFTER_MS = 0
/** What was rendered and never mounted, as when something else suspends, is tried again within this. */
const ABANDONED_AFTER_MS = 10_000

/** `given`: options to open it with, or one that is open and stays the app's to close. */
export function createHolder(given: WorkspaceOptions | Workspace): Holder {
  const listeners = new Set<() => void>()
  const documents = new Map<string, HeldDocument>()
  const isOwn = !('open' in given)
  let workspace = isOwn ? undefined : given
  let error: unknown
  let opening = false
  let opened: (workspace: Workspace) => void = () => {}
  const whenOpen = isOwn
    ? new Promise<Workspace>((resolve) => {
        opened = resolve
      })
    : Promise.resolve(given)

  const { retain } = counted(isOwn ? close : () => {}, CLOSED_AFTER_MS, open)

  function open(): void {
    if (!isOwn || opening || workspace !== undefined) return
    opening = true
    openWorkspace(given).then(
      (open) => {
        workspace = open
        // Nobody holds it any more: it was let go while it was opened.
        if (!opening) return close()
        opened(open)
        tell()
      },
      (problem: unknown) => {
        error = problem
        tell()
      },
    )
  }

  function close(): void {
    opening = false
    const closing = workspace
    workspace = undefined
    documents.clear()
    void closing?.close()
  }

  function tell(): void {
    for (const listener of [...listeners]) listener()
  }

  return {
    get workspace() {
      return workspace
    },
    get error() {
      return error
    },
    whenOpen,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    retain,
    document(id) {
      const known = documents.get(id)
      if (known !== undefined) return known
      if (workspace === undefined) throw new Error('Rejoin: a document is opened when its workspace is')
      const held = holdDocument(workspace.open(id), () => documents.delete(id))
      documents.set(id, held)
      return held
    },
  }
}

function holdDocument(handle: DocumentHandle, gone: () => void): HeldDocument {
  let isLoaded = false
  handle.whenLoaded.then(
    () => {
      isLoaded = true
    },
    // Its status says so.
    () => {},
  )
  const close = (): void => {
    gone()
    handle.close()
  }
  const { retain } = counted(close, CLOSED_AFTER_MS, () => {}, ABANDONED_AFTER_MS)
  return {
    handle,
    get isLoaded() {
      return isLoaded
    },
    retain,
  }
}

/** Counts who holds something; ends it a moment after the last one let go, or where nobody comes within `unlessWithinMs`. */
function counted(end: () => void, afterMs: number, begin: () => void, unlessWithinMs?: number) {
  let holders = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const endIn = (ms: number): void => {
    timer = setTimeout(() => holders === 0 && end(), ms)
  }
  if (unlessWithinMs !== undefined) endIn(unlessWithinMs)
  return {
    retain() {
      clearTimeout(timer)
      holders++
      begin()
      let held = true
      return () => {
        if (!held) return
        held = false
        if (--holders === 0) endIn(afterMs)
      }
    },
  }
}
