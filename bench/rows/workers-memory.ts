/**
 * What a relay keeps in memory in workerd, as its inspector tells it: V8's heap, what the platform's objects take, and buffers, after a garbage
 * collection. SQLite's own pages are not in it, there as on the platform.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { decodeYMessage, encodeAwareness, encodeUpdate } from '../../server/relay/y-protocol.ts'
import { freePort } from '../../tools/free-port.ts'
import { atMost, printFigures } from '../table.ts'

const SOCKETS = 200
const DOCUMENTS = 20
const RECORDS = 64
const RECORD_BYTES = 8 * 1024
const MIB = 1024 * 1024
const MEMORY_MIB_MAX = 64

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
const ARGS = [
  'dev',
  '--config',
  'bench/workers/wrangler.toml',
  '--ip',
  '127.0.0.1',
  '--show-interactive-dev-session=false',
]

interface Memory {
  /** MiB of the script after its first request, with the log, and with the sockets too. */
  script: number
  log: number
  all: number
}

export async function printWorkerMemory(): Promise<void> {
  const [rejoin, peer] = [await measure('y/memory'), await measure('party')]
  const work = `${(DOCUMENTS * RECORDS * RECORD_BYTES) / MIB} MiB in ${DOCUMENTS} documents, ${SOCKETS} sockets`
  printFigures('memory in workerd, MiB', 'y-partyserver', [
    { work, what: 'the script', rejoin: rejoin.script, peer: peer.script },
    { work, what: 'with what was written', rejoin: rejoin.log, peer: peer.log },
    { work, what: 'with the sockets too', rejoin: rejoin.all, peer: peer.all, goal: atMost(MEMORY_MIB_MAX) },
  ])
}

async function measure(path: string): Promise<Memory> {
  const [port, inspectorPort] = [await freePort(), await freePort()]
  const state = mkdtempSync(join(tmpdir(), 'rejoin-bench-'))
  const args = [...ARGS, '--port', `${port}`, '--inspector-port', `${inspectorPort}`, '--persist-to', state]
  const wrangler = await start(args)
  try {
    const url = `ws://127.0.0.1:${port}/${path}`
    const inspector = await inspect(inspectorPort, `http://127.0.0.1:${port}/meter`)
    // It is loaded with the first request.
    await write(`${url}/warm`, 1)
    const script = await inspector.mebibytes()
    for (let i = 0; i < DOCUMENTS; i++) await write(`${url}/note-${i}`, RECORDS)
    const log = await inspector.mebibytes()
    const sockets = await gather(url)
    const all = await inspector.mebibytes()
    for (const socket of sockets) socket.terminate()
    inspector.close()
    return { script, log, all }
  } finally {
    end(wrangler)
    rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

/** Somebody writes so many records, and somebody reads them all. */
async function write(url: string, records: number): Promise<void> {
  const [reader, writer] = [await connect(url), await connect(url)]
  const [doc, read] = [new Y.Doc(), new Y.Doc()]
  doc.on('update', (update: Uint8Array) => writer.send(encodeUpdate(update)))
  const length = records * RECORD_BYTES
  const isRead = new Promise<void>((resolve) => {
    reader.on('message', (data: Buffer) => {
      const message = decodeYMessage(new Uint8Array(data))
      if (message.type === 'update') Y.applyUpdate(read, message.update)
      if (read.getText('text').length === length) resolve()
    })
  })
  for (let i = 0; i < records; i++) {
    doc.getText('text').insert(0, randomBytes((RECORD_BYTES * 3) / 4).toString('base64'))
  }
  await isRead
  reader.terminate()
  writer.terminate()
}

/** Sockets of people who say who they are, in all documents; resolves when each document's first has heard of all others there. */
async function gather(url: string): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  const each = SOCKETS / DOCUMENTS
  for (let i = 0; i < DOCUMENTS; i++) {
    const all = await Promise.all(Array.from({ length: each }, () => connect(`${url}/note-${i}`)))
    const [first, ...others] = all
    if (first === undefined) throw new Error('there are no sockets')
    const seen = new Awareness(new Y.Doc())
    const areSeen = new Promise<void>((resolve) => {
      first.on('message', (data: Buffer) => {
        const message = decodeYMessage(new Uint8Array(data))
        if (message.type === 'awareness') applyAwarenessUpdate(seen, message.bytes, undefined)
        if (seen.getStates().size >= each) resolve()
      })
    })
    for (const socket of others) {
      const own = new Awareness(new Y.Doc())
      own.setLocalState({ name: 'somebody', cursor: 'x'.repeat(150) })
      socket.send(encodeAwareness(encodeAwarenessUpdate(own, [own.clientID])))
      own.destroy()
    }
    await areSeen
    seen.destroy()
    sockets.push(...all)
  }
  return sockets
}

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return socket
}

/** `url`: something that the script answers. */
async function inspect(port: number, url: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { Origin: 'http://127.0.0.1' } })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  let asked = 0

  function ask(method: string): Promise<Record<string, number>> {
    const id = ++asked
    return new Promise((resolve, reject) => {
      const look = (data: Buffer): void => {
        const answer = JSON.parse(String(data))
        if (answer.id !== id) return
        socket.off('message', look)
        if (answer.error === undefined) resolve(answer.result)
        else reject(new Error(`${method}: ${answer.error.message}`))
      }
      socket.on('message', look)
      socket.send(JSON.stringify({ id, method }))
    })
  }

  /** It is done when the script runs for the next time. */
  async function collect(): Promise<void> {
    let isDone = false
    const done = ask('HeapProfiler.collectGarbage').then(() => {
      isDone = true
    })
    while (!isDone) await (await fetch(url)).text()
    await done
  }

  await ask('Runtime.enable')
  await ask('HeapProfiler.enable')
  return {
    async mebibytes(): Promise<number> {
      // What is outside of the heap goes after what holds it.
      for (let i = 0; i < 3; i++) await collect()
      const { usedSize = 0, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await ask('Runtime.getHeapUsage')
      return (usedSize + embedderHeapUsedSize + backingStorageSize) / MIB
    },
    close: () => socket.terminate(),
  }
}

/** In a group of processes of its own: workerd would outlive a wrangler that is killed. */
async function start(args: readonly string[]): Promise<ChildProcess> {
  const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' }
  const child = spawn(process.execPath, [WRANGLER, ...args], {
    cwd: ROOT,
    detached: true,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  process.once('exit', () => end(child))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        said = (said + text).slice(-4_000)
        if (said.includes('Ready on')) resolve()
      })
    }
    child.once('close', (code) => reject(new Error(`wrangler ended with ${code}: ${said}`)))
  })
  return child
}

function end(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGKILL')
}
