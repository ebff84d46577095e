/**
 * The peer: y-websocket's own server, unmodified, and its own provider. By default it keeps documents in memory, as long as
 * somebody is connected or it runs; with LevelDB it stores each update, and tells nobody when.
 */
import { createRequire } from 'node:module'
import { dirname, join as joinPath } from 'node:path'
import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding'
import { writeSyncStep1 } from 'y-protocols/sync'
import { WebsocketProvider } from 'y-websocket'
import { startServer } from './processes.ts'
import { createRealTime } from './real-time.ts'
import type { Person, ServedSystem } from './system.ts'
import { createTraffic, type Traffic } from './traffic.ts'

const MANIFEST = createRequire(import.meta.url).resolve('@y/websocket-server/package.json')
const SERVER = joinPath(dirname(MANIFEST), 'src', 'server.js')

/** First bytes of its messages: sync, and in it the kinds; awareness (1) and its query (3) are no payload. */
const SYNC = 0
const STEP_2 = 1

export async function startStock(store: 'memory' | 'leveldb'): Promise<ServedSystem> {
  const time = createRealTime()
  const stores = store === 'leveldb'
  const server = await startServer({
    args: () => [SERVER],
    env: (port, data) => ({ HOST: '127.0.0.1', PORT: String(port), ...(stores ? { YPERSISTENCE: data } : {}) }),
    stores,
  })
  const people = new Set<Person>()

  async function join(name: string, document = 'document'): Promise<Person> {
    // each provider listens for the end of the process
    process.setMaxListeners(0)
    const traffic = createTraffic(time.now)
    const doc = time.createDoc()
    const answers: (() => void)[] = []
    const provider = new WebsocketProvider(`ws://127.0.0.1:${server.port}`, document, doc, {
      connect: false,
      disableBc: true,
      WebSocketPolyfill: countingWebSocket(traffic, () => answers.shift()?.()),
    })
    const person: Person = time.add({
      name,
      doc,
      text: doc.getText('text'),
      traffic,
      connect: () => provider.connect(),
      disconnect: () => provider.disconnect(),
      isSynced: () => provider.synced,
      // The server takes messages in turn: when it answers a question, it has taken what came before.
      async delivered() {
        await time.until(`${name} is connected`, () => provider.synced)
        const answered = new Promise<void>((resolve) => answers.push(resolve))
        const encoder = createEncoder()
        writeVarUint(encoder, SYNC)
        writeSyncStep1(encoder, doc)
        provider.ws?.send(toUint8Array(encoder) as Uint8Array<ArrayBuffer>)
        await answered
      },
      async leave() {
        people.delete(person)
        provider.destroy()
        provider.awareness.destroy()
      },
    })
    people.add(person)
    return person
  }

  return {
    ...time,
    name: stores ? 'y-websocket with LevelDB' : 'y-websocket',
    server,
    join,
    async close() {
      for (const person of people) await person.leave()
      await server.remove()
    },
  }
}

/** `answered`: a second step of a handshake came, which answers a first. */
function countingWebSocket(traffic: Traffic, answered: () => void): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      this.addEventListener('message', ({ data }) => {
        const bytes = new Uint8Array(data as ArrayBuffer)
        if (bytes[0] !== SYNC) return
        const isAnswer = bytes[1] === STEP_2
        traffic.received(bytes.length, isAnswer)
        if (isAnswer) answered()
      })
    }

    override send(data: Parameters<WebSocket['send']>[0]): void {
      const bytes = data as Uint8Array
      if (bytes[0] === SYNC) traffic.sent(bytes.length)
      super.send(data)
    }
  }
}
