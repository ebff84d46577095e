/**
 * A provider of y-websocket's shape, so that an app moves over by changing a line. All providers of one URL and user share
 * a workspace: one socket, one replica. That is loaded when a provider connects: until then there is nothing for it to do, as what
 * is typed is in the Y.Doc, and becomes part of the workspace then.
 */
import { ObservableV2 } from 'lib0/observable'
import { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { backoff } from '../shared/backoff.ts'
import { systemEnvironment } from '../shared/environment.ts'
import { RejoinError } from '../shared/errors.ts'
import type { DocumentHandle } from './document.ts'
import { loaded } from './parts.ts'
import type { Connection } from './status.ts'
import type { Workspace, WorkspaceOptions } from './workspace.ts'

type WorkspacePart = Pick<typeof import('./workspace.ts'), 'openWorkspace'>

/** As for a workspace; of providers that share one, the first one's count. */
export interface ProviderOptions extends Pick<WorkspaceOptions, 'token' | 'storage' | 'user' | 'dial'> {
  /** Yours, or one that the provider makes and ends. */
  awareness?: Awareness
  /** `false`: stay offline until `connect()`. */
  connect?: boolean
  /** How the code of a workspace is loaded; for tests. */
  load?: () => Promise<WorkspacePart>
}

/** As y-websocket's, and `error`. */
export interface ProviderEvents {
  status(event: { status: 'connected' | 'connecting' | 'disconnected' }): void
  /** Whether what the relay holds has arrived and everything typed here is acknowledged. */
  sync(synced: boolean): void
  /** An option was wrong, or storage or relay failed for good; code that does not come (`not-loaded`) is tried again. */
  error(error: unknown): void
}

/**
 * Keeps a Y.Doc in sync: `new RejoinProvider('wss://host/sync/<workspace>', '<document>', doc)`. Storage is `memory` unless
 * asked for, as y-websocket has none; `storage: 'indexeddb'` takes the place of y-indexeddb too.
 */
export class RejoinProvider extends ObservableV2<{ [E in keyof ProviderEvents]: ProviderEvents[E] }> {
  readonly url: string
  readonly roomname: string
  readonly doc: Y.Doc
  readonly awareness: Awareness
  readonly #options: ProviderOptions
  #wanted = false
  #turns = 0
  #synced = false
  #status: Connection = 'offline'
  #leave: (() => void) | undefined
  #cancelAgain: (() => void) | undefined
  #destroyed = false

  constructor(url: string, document: string, doc: Y.Doc, options: ProviderOptions = {}) {
    super()
    this.url = url
    this.roomname = document
    this.doc = doc
    this.#options = options
    this.awareness = options.awareness ?? new Awareness(doc)
    if (options.connect ?? true) this.connect()
  }

  /** Whether the relay's content has arrived and everything typed here is acknowledged. */
  get synced(): boolean {
    return this.#synced
  }

  /** Whether the relay is reached. */
  get wsconnected(): boolean {
    return this.#status === 'syncing' || this.#status === 'synced'
  }

  /** Idempotent; nothing happens after `destroy`. */
  connect(): void {
    if (this.#wanted || this.#destroyed) return
    this.#wanted = true
    this.#tryToEnter(++this.#turns, 0)
  }

  #tryToEnter(turn: number, failures: number): void {
    this.#enter(turn).catch((error: unknown) => {
      const isOver = !(error instanceof RejoinError && error.code === 'not-loaded')
      const isWanted = this.#isWanted(turn)
      if (isOver && isWanted) this.#wanted = false
      if (isOver || failures === 0) this.emit('error', [error])
      if (isOver || !isWanted) return
      this.#show('offline')
      const again = (): void => this.#tryToEnter(turn, failures + 1)
      this.#cancelAgain = systemEnvironment.setTimer(again, backoff(systemEnvironment, failures))
    })
  }

  /** Who disconnects and connects again has another turn. */
  #isWanted(turn: number): boolean {
    return this.#wanted && turn === this.#turns
  }

  /** Leaves the room until `connect`; what was typed is kept, in the Y.Doc or on the device. Idempotent. */
  disconnect(): void {
    if (!this.#wanted) return
    this.#wanted = false
    this.#cancelAgain?.()
    this.#leave?.()
    this.#leave = undefined
    this.#show('offline')
  }

  /** Leaves for good. The Y.Doc, and an awareness of yours, go on. Idempotent. */
  override destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.disconnect()
    if (this.#options.awareness === undefined) this.awareness.destroy()
    super.destroy()
  }

  async #enter(turn: number): Promise<void> {
    const shared = share(this.url, this.#options)
    this.#show('connecting')
    let workspace: Workspace
    let handle: DocumentHandle
    try {
      workspace = await shared.workspace
      if (!this.#isWanted(turn)) return shared.release()
      handle = workspace.open(this.roomname, { doc: this.doc, awareness: this.awareness })
    } catch (error) {
      shared.release()
      throw error
    }
    const unsubscribe = handle.status.subscribe(({ connection, error }) => {
      this.#show(connection)
      if (error !== undefined) this.emit('error', [new RejoinError(error.code, error.detail)])
    })
    const forget = workspace.on('error', (error) => this.emit('error', [error]))
    this.#leave = () => {
      unsubscribe()
      forget()
      handle.close()
      shared.release()
    }
  }

  #show(connection: Connection): void {
    if (connection !== this.#status) {
      const before = this.wsconnected
      this.#status = connection
      if (connection === 'connecting') this.emit('status', [{ status: 'connecting' }])
      else if (this.wsconnected !== before || connection === 'offline') {
        this.emit('status', [{ status: this.wsconnected ? 'connected' : 'disconnected' }])
      }
    }
    const synced = connection === 'synced'
    if (synced === this.#synced) return
    this.#synced = synced
    this.emit('sync', [synced])
  }
}

interface Shared {
  workspace: Promise<Workspace>
  release(): void
}

const workspaces = new Map<string, { workspace: Promise<Workspace>; users: number }>()

/** The workspace of a URL and user, opened with the options of its first provider. */
function share(url: string, options: ProviderOptions): Shared {
  const { storage = 'memory', token, user, dial, load = () => import('./workspace.ts') } = options
  const key = JSON.stringify([url, user ?? '', typeof storage === 'string' ? storage : 'own'])
  let entry = workspaces.get(key)
  if (entry === undefined) {
    entry = {
      workspace: open(load, url, { storage: storage === 'indexeddb' ? undefined : storage, token, user, dial }),
      users: 0,
    }
    workspaces.set(key, entry)
  }
  const mine = entry
  mine.users++
  let released = false
  return {
    workspace: mine.workspace,
    release() {
      if (released) return
      released = true
      if (--mine.users > 0) return
      if (workspaces.get(key) === mine) workspaces.delete(key)
      // Nothing to end where it did not open; whoever waited for it was told.
      mine.workspace.then((workspace) => workspace.close()).catch(() => {})
    },
  }
}

async function open(
  load: () => Promise<WorkspacePart>,
  url: string,
  options: Pick<WorkspaceOptions, 'token' | 'storage' | 'user' | 'dial'>,
): Promise<Workspace> {
  const match = /^(.*)\/sync\/([^/?#]+)\/?$/.exec(url)
  if (match === null) {
    throw new RejoinError('bad-option', `${JSON.stringify(url)} is not of the form wss://host/sync/<workspace>`)
  }
  const [, relay = '', workspace = ''] = match
  const { openWorkspace } = await loaded(load())
  return openWorkspace({ id: decodeURIComponent(workspace), relays: [relay], sync: 'opened', ...options })
}
