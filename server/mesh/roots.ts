/**
 * The version of every workspace of a relay, and one root over them all: two relays with equal roots hold the same documents in
 * the same versions. Kept up to date with each commit, and stored when a workspace closes, so that a start opens only those that
 * were being written when the last run ended (P11). The key is the mesh's own: whoever writes documents does not know it.
 */
import { createDigestConversation, type DigestConversation } from '../../shared/digest/conversation.ts'
import {
  addToRoot,
  type DigestElement,
  emptyRoot,
  hashElement,
  lastElement,
  type Root,
} from '../../shared/digest/element.ts'
import { type FrozenScope, freezeScope } from '../../shared/digest/frozen.ts'
import { createResponder } from '../../shared/digest/reconcile.ts'
import { changeSummary, copySummary, createSummary, type DigestSummary } from '../../shared/digest/summary.ts'
import type { Environment } from '../../shared/environment.ts'
import { type Hash64, type HashKey, hash64 } from '../../shared/hash.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'

/** A workspace as it was when it was closed. */
export interface StoredRoot {
  root: Root
  documents: number
  /** The head of its log then. */
  head: number
}

/** Where roots outlive a relay. */
export interface RootStore {
  load(): Iterable<readonly [workspace: string, stored: StoredRoot]>
  /** `undefined`: it is being written, and what was stored of it counts no more. Raises `storage-failed`. */
  put(workspace: string, stored: StoredRoot | undefined): void
}

export interface Roots {
  /** Over all workspaces. */
  root(): Hash64
  /** How many workspaces there are that hold anything. */
  readonly count: number
  /** Whether the version of this workspace is known without opening it. */
  knows(workspace: string): boolean
  /** The workspace is open: its version is kept up to date until the returned function is called. */
  follow(id: string, workspace: RelayWorkspace): () => void
  /** Every workspace with its version, as digests compare them. */
  elements(): DigestElement[]
  /** The summary of these under a key, if it is the mesh's. */
  summaryFor(key: HashKey): DigestSummary | undefined
  /** Begins a digest session over all workspaces; `over` it is to be told. */
  respond(): DigestConversation & { over(): void }
}

interface Counted {
  root: Root
  documents: number
}

export function createRoots(options: { key: HashKey; store: RootStore; environment: Environment }): Roots {
  const { key, store, environment } = options
  const summary = createSummary(key)
  const roots = new Map<string, StoredRoot>()
  const versions = new Map<string, Hash64>()
  const sessions = new Set<FrozenScope>()
  for (const [id, stored] of store.load()) {
    roots.set(id, stored)
    show(id, stored)
  }

  function show(id: string, counted: Counted): void {
    const before = versions.get(id)
    const after = counted.documents === 0 ? undefined : hash64(new Uint8Array(counted.root.slice().buffer))
    if (before === after) return
    for (const session of sessions) session.changed(id, before)
    changeSummary(summary, id, before, after)
    if (after === undefined) versions.delete(id)
    else versions.set(id, after)
  }

  function count(counted: Counted, id: string, version: Hash64, sign: 1 | -1): void {
    hashElement(id, version, key)
    addToRoot(counted.root, lastElement, 0, key, sign)
    counted.documents += sign
  }

  function countAll(workspace: RelayWorkspace): Counted {
    const counted = { root: emptyRoot(), documents: 0 }
    for (const { id, fingerprint } of workspace.versions()) count(counted, id, fingerprint, 1)
    return counted
  }

  const elements = (): DigestElement[] => [...versions].map(([id, fingerprint]) => ({ id, fingerprint }))

  return {
    root: () => hash64(new Uint8Array(summary.root.slice().buffer)),
    get count() {
      return versions.size
    },
    knows: (id) => roots.has(id),
    follow(id, workspace) {
      const stored = roots.get(id)
      let isStored = stored?.head === workspace.head()
      const counted = stored !== undefined && isStored ? { ...stored, root: stored.root.slice() } : countAll(workspace)
      show(id, counted)
      const unwatch = workspace.watchVersions((document, before, after) => {
        if (isStored) store.put(id, undefined)
        isStored = false
        if (before !== undefined) count(counted, document, before, -1)
        if (after !== undefined) count(counted, document, after, 1)
        show(id, counted)
      })
      return () => {
        unwatch()
        const closed = { ...counted, head: workspace.head() }
        roots.set(id, closed)
        if (!isStored) store.put(id, closed)
      }
    },
    elements,
    summaryFor: (asked) => (asked.every((word, i) => word === key[i]) ? copySummary(summary) : undefined),
    respond() {
      const scope = freezeScope(summary, elements)
      sessions.add(scope)
      const { randomBytes } = environment
      const responder = createResponder({ summary: scope.summary, elements: () => scope.elements(), randomBytes })
      return { ...createDigestConversation(responder), over: () => sessions.delete(scope) }
    },
  }
}

/** Roots that are gone with the process. */
export function createMemoryRootStore(): RootStore {
  const stored = new Map<string, StoredRoot>()
  return {
    load: () => [...stored],
    put(workspace, root) {
      if (root === undefined) stored.delete(workspace)
      else stored.set(workspace, root)
    },
  }
}
