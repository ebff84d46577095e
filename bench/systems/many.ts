/** Many documents of one person, who was away and comes back: Rejoin to another relay that holds the same, peers to their server. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebsocketProvider } from 'y-websocket'
import type * as Y from 'yjs'
import { dialWebSocket } from '../../client/connection/socket.ts'
import { openWorkspace, type ReplicaStore, type Workspace } from '../../client/index.ts'
import { copyOf, createOwnStore } from '../../test/support/stores.ts'
import { startServer } from './processes.ts'
import { createRealTime } from './real-time.ts'
import { counted } from './rejoin.ts'
import { type Counts, createTraffic, type Traffic } from './traffic.ts'

export interface Return extends Counts {
  /** From `connect` until all is in sync. */
  ms: number
  sockets: number
}

export interface ManySystem {
  readonly name: string
  /** Somebody else adds this text to so many of the documents, while the reader is away. */
  change(count: number, text: string): Promise<void>
  /** The reader comes back, and leaves again. */
  comeBack(): Promise<Return>
  close(): Promise<void>
}

const TEXT = 'Somebody wrote this, some time ago. '
/** Documents that are written at once. */
const AT_ONCE = 100
const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url))
const HOCUSPOCUS = fileURLToPath(new URL('./hocuspocus-server.ts', import.meta.url))
const Y_WEBSOCKET = join(
  dirname(createRequire(import.meta.url).resolve('@y/websocket-server/package.json')),
  'src',
  'server.js',
)
const time = createRealTime()
const nameOf = (n: number): string => `notes/${n}`

export async function startManyRejoin(documents: number): Promise<ManySystem> {
  const start = () =>
    startServer({ args: (port, data) => [CLI, 'relay', '--port', String(port), '--data', data], stores: true })
  const [first, second] = [await start(), await start()]
  const [authors, readers] = [createOwnStore(), createOwnStore()]
  let people = 0

  async function enter(port: number, storage: ReplicaStore, traffic: Traffic): Promise<Workspace> {
    const dial = counted(dialWebSocket, traffic)
    const relays = [`ws://127.0.0.1:${port}`]
    const workspace = await openWorkspace({ id: 'bench', user: `${people++}`, relays, storage, connect: false, dial })
    workspace.on('error', (error) => console.error(String(error)))
    return workspace
  }

  async function synced(
    port: number,
    storage: ReplicaStore,
    work: (workspace: Workspace) => Promise<void> = async () => {},
  ) {
    const traffic = createTraffic(time.now)
    const workspace = await enter(port, storage, traffic)
    const begun = time.now()
    workspace.connect()
    const isSynced = () => workspace.status.get().connection === 'synced'
    await time.until('a client is synced', isSynced)
    await work(workspace)
    await time.until('a client is synced', isSynced)
    const ms = time.now() - begun
    // What is sent last may rest on nothing.
    await time.pause(300)
    await workspace.close()
    return { ...traffic.counts, ms, sockets: 1 }
  }

  async function write(workspace: Workspace, count: number, text: string): Promise<void> {
    for (let from = 0; from < count; from += AT_ONCE) {
      const names = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => nameOf(from + i))
      await Promise.all(
        names.map(async (name) => {
          const note = workspace.open(name)
          await note.whenLoaded
          note.doc.getText('text').insert(0, text)
          await note.saved('relay')
          note.close()
        }),
      )
    }
  }

  await synced(first.port, authors, (workspace) => write(workspace, documents, TEXT))
  await synced(second.port, authors)
  await synced(first.port, readers)
  return {
    name: 'Rejoin',
    change: async (count, text) =>
      void (await synced(second.port, authors, (workspace) => write(workspace, count, text))),
    // A copy each time: one that has been there has a place, and needs no digest.
    comeBack: async () => synced(second.port, await copyOf(readers)),
    async close() {
      for (const server of [first, second]) await server.remove()
    },
  }
}

/** How a peer's client is made of a Y.Doc, on a socket that is counted. */
interface Peer {
  name: string
  args(port: number): string[]
  open(port: number, Socket: typeof WebSocket): Opened
}

interface Opened {
  add(name: string, doc: Y.Doc): { isSynced(): boolean }
  connect(): void
  disconnect(): void
  close(): void
}

export const startManyYWebsocket = (documents: number): Promise<ManySystem> =>
  startPeer(documents, {
    name: 'y-websocket',
    args: () => [Y_WEBSOCKET],
    open(port, Socket) {
      process.setMaxListeners(0)
      const providers: WebsocketProvider[] = []
      return {
        add(name, doc) {
          const options = { connect: false, disableBc: true, WebSocketPolyfill: Socket }
          const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, name, doc, options)
          providers.push(provider)
          return { isSynced: () => provider.synced }
        },
        connect() {
          for (const provider of providers) provider.connect()
        },
        disconnect() {
          for (const provider of providers) provider.disconnect()
        },
        close() {
          for (const provider of providers) {
            provider.destroy()
            provider.awareness.destroy()
          }
        },
      }
    },
  })

export const startManyHocuspocus = (documents: number): Promise<ManySystem> =>
  startPeer(documents, {
    name: 'Hocuspocus',
    args: (port) => [HOCUSPOCUS, String(port)],
    open(port, Socket) {
      // All documents share one socket.
      const socket = new HocuspocusProviderWebsocket({
        url: `ws://127.0.0.1:${port}`,
        autoConnect: false,
        WebSocketPolyfill: Socket,
      })
      const providers: HocuspocusProvider[] = []
      return {
        add(name, document) {
          const provider = new HocuspocusProvider({ websocketProvider: socket, name, document })
          provider.attach()
          providers.push(provider)
          return { isSynced: () => provider.isSynced }
        },
        connect: () => void socket.connect(),
        disconnect: () => socket.disconnect(),
        close() {
          for (const provider of providers) provider.destroy()
          socket.destroy()
        },
      }
    },
  })

async function startPeer(documents: number, peer: Peer): Promise<ManySystem> {
  const server = await startServer({
    args: peer.args,
    env: (port) => ({ HOST: '127.0.0.1', PORT: String(port) }),
    stores: false,
  })
  const traffic = createTraffic(time.now)
  let sockets = 0
  const Counting = countingWebSocket(traffic, () => sockets++)
  // The author stays, so that the server keeps the documents.
  const [author, reader] = [peer.open(server.port, Counting), peer.open(server.port, Counting)]
  const all = (of: Opened) =>
    Array.from({ length: documents }, (_, n) => {
      const doc = time.createDoc()
      return { doc, ...of.add(nameOf(n), doc) }
    })
  const [theirs, mine] = [all(author), all(reader)]
  const areSynced = (those: typeof mine) => () => those.every(({ isSynced }) => isSynced())
  const hasAll = () => mine.every(({ doc }, n) => textOf(doc).length === textOf(theirs[n]?.doc ?? doc).length)
  author.connect()
  await time.until('the author is synced', areSynced(theirs))
  for (const { doc } of theirs) textOf(doc).insert(0, TEXT)
  reader.connect()
  await time.until('the reader has everything', () => areSynced(mine)() && hasAll())
  reader.disconnect()
  await time.pause(500)
  return {
    name: peer.name,
    async change(count, text) {
      for (const { doc } of theirs.slice(0, count)) textOf(doc).insert(0, text)
      await time.pause(300)
    },
    async comeBack() {
      traffic.reset()
      sockets = 0
      const begun = time.now()
      reader.connect()
      await time.until('the reader is back', () => areSynced(mine)() && hasAll())
      const ms = time.now() - begun
      await time.pause(500)
      const counts = { ...traffic.counts, ms, sockets }
      reader.disconnect()
      await time.pause(500)
      return counts
    },
    async close() {
      for (const opened of [author, reader]) opened.close()
      await server.remove()
    },
  }
}

const textOf = (doc: Y.Doc): Y.Text => doc.getText('text')

/** Counts all binary messages: what is no sync is what these clients say when they come. */
function countingWebSocket(traffic: Traffic, opened: () => void): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      this.addEventListener('open', opened)
      this.addEventListener('message', ({ data }) => traffic.received((data as ArrayBuffer).byteLength, false))
    }

    override send(data: Parameters<WebSocket['send']>[0]): void {
      traffic.sent((data as Uint8Array).length)
      super.send(data)
    }
  }
}
