/** What an app says when it opens a workspace or a document, and what of it must be right. */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Environment } from '../shared/environment.ts'
import { RejoinError, toRejoinError } from '../shared/errors.ts'
import { checkWorkspaceId } from '../shared/ids.ts'
import type { Scope } from '../shared/wire/messages.ts'
import type { Dial } from './connection/socket.ts'
import { loaded, type Parts } from './parts.ts'
import { openIndexedDbStore } from './replica/indexeddb.ts'
import type { ReplicaStore } from './replica/store.ts'

/** How a workspace is opened. */
export interface WorkspaceOptions {
  /** The workspace: 1 to 80 bytes of text without slashes and control characters; neither `.` nor `..`. */
  id: string
  /**
   * Whose replica this is: each user of a browser has a database of their own. One nameless user by default. Workspaces that are opened
   * with the same id and user, in tabs of a browser or in one process, are tabs of one replica: one of them has the connection.
   */
  user?: string
  /**
   * Addresses of relays, `ws:` or `wss:` (`http:` and `https:` are taken for them), tried in turn. Without any the workspace
   * stays on this device.
   */
  relays?: readonly string[]
  /**
   * Permission for the relay, at most 8 KiB, sent in the first frame and never in an address. A function is asked at every
   * connection, before the token that it gave ends, and again later where it throws.
   */
  token?: string | (() => string | Promise<string>)
  /**
   * `indexeddb`, which is refused where it does not open; `memory` (gone with the tab); or a store of your own, open or as a function that
   * opens it. By default `indexeddb` where it opens, and otherwise memory, with `storage: 'degraded'` in the status, until it does open:
   * it is tried again, and what is open moves there. So it is with a function that rejects: it is called again unless with
   * `storage-unavailable` or `outdated`.
   */
  storage?: 'indexeddb' | 'memory' | ReplicaStore | (() => Promise<ReplicaStore>)
  /**
   * Which documents are kept up to date here: `all` of the workspace (the default with durable storage), or those `opened`,
   * for as long as they are open. What was typed here is sent in any case.
   */
  sync?: Scope
  /**
   * Bytes that the content of this workspace may take up on this device. Beyond it, while in sync, and wherever the device has no
   * room for what is written, those documents that were not used for the longest time leave it: only what relays have acknowledged,
   * what is not pinned and not open in any tab. They come back when they are opened or pinned, and not by themselves where there is more room
   * later. Without it, until the device is full; of no use where storage is not durable.
   */
  budgetBytes?: number
  /** `false`: stay offline until `connect()`. `true` by default. */
  connect?: boolean
  /** Clock, chance and timers; for tests. */
  environment?: Environment
  /** How a socket is opened; for tests and platforms without WebSocket. */
  dial?: Dial
  /** How the code is loaded that is only needed later; for tests. */
  parts?: Parts
}

/** How a document is opened; what is given matters for its first handle only, but for `doc`, which has to be the same one. */
export interface OpenOptions {
  /** Your own Y.Doc; what it holds becomes part of the document. It is not destroyed with the handle. */
  doc?: Y.Doc
  /** Your own awareness of it; it goes on without the handle. */
  awareness?: Awareness
  /** Yjs' setting, fixed when the document is created; that of `doc`, or `true`, by default. */
  gc?: boolean
}

/** How a document is opened that was open in another workspace, whose place this one takes. */
export interface MoveOptions extends OpenOptions {
  /** All that `doc` holds is at a relay: it is stored, and nobody waits for a receipt of it. */
  received?: boolean
}

/** Raises `invalid-id`, and `bad-option` also for what a compiler would have refused. */
export function checkOptions(options: WorkspaceOptions): void {
  const { id, relays = [], budgetBytes = Infinity, storage, user = '', sync } = options
  checkWorkspaceId(id)
  if (!Array.isArray(relays)) bad('relays', relays, "a list, as in ['wss://relay.example.com']")
  for (const relay of relays) syncUrl(relay, id)
  if (!(budgetBytes > 0)) bad('budgetBytes', budgetBytes, 'above 0')
  if (typeof user !== 'string' || !user.isWellFormed()) bad('user', user, 'text of whole characters')
  const isOwn = typeof storage === 'function' || (typeof storage === 'object' && storage !== null)
  if (!isOwn && !STORAGES.has(storage)) bad('storage', storage, "'indexeddb', 'memory', or a store of your own")
  if (!SCOPES.has(sync)) bad('sync', sync, "'all' or 'opened'")
}

const STORAGES: ReadonlySet<unknown> = new Set([undefined, 'indexeddb', 'memory'])
const SCOPES: ReadonlySet<unknown> = new Set([undefined, 'all', 'opened'])

function bad(option: string, value: unknown, wanted: string): never {
  throw new RejoinError('bad-option', `${option} is ${wanted}; it was ${JSON.stringify(value) ?? String(value)}`)
}

/** The store of a replica. `unopened`: why it is one in memory, where nobody asked for that; `reopen`: what may open it later. */
export interface OpenedStore {
  store: ReplicaStore
  unopened?: RejoinError
  reopen?: () => Promise<ReplicaStore>
}

/** Without a wish it is IndexedDB; where that does not open, as in some private windows, work goes on in memory and says so. */
export async function openStore(
  storage: WorkspaceOptions['storage'],
  name: string,
  { memory }: Pick<Parts, 'memory'>,
): Promise<OpenedStore> {
  const inMemory = async (): Promise<ReplicaStore> => (await loaded(memory())).createMemoryReplicaStore()
  if (storage === 'memory') return { store: await inMemory() }
  if (typeof storage === 'object') return { store: storage }
  const open = typeof storage === 'function' ? storage : () => openIndexedDbStore(name)
  if (storage === 'indexeddb') return { store: await open() }
  try {
    return { store: await open() }
  } catch (error) {
    const unopened = toRejoinError(error, 'storage-failed', 'no storage')
    const isForGood = unopened.code === 'storage-unavailable' || unopened.code === 'outdated'
    return { store: await inMemory(), unopened, reopen: isForGood ? undefined : open }
  }
}

/** The address of a workspace at a relay. Raises `bad-option` for what is no `ws:` or `wss:` (or `http(s):`) address. */
export function syncUrl(relay: string, workspace: string): string {
  const url = URL.canParse(relay) ? new URL(relay) : undefined
  if (url === undefined || !/^(ws|http)s?:$/.test(url.protocol)) {
    bad('the address of a relay', relay, "one such as 'wss://relay.example.com'")
  }
  url.protocol = url.protocol.replace('http', 'ws')
  return `${url.href.replace(/\/$/, '')}/sync/${encodeURIComponent(workspace)}`
}
