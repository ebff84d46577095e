/** The relays of the mesh, a process each, so that stopping one is what a crash is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url))

export interface RelayChild {
  readonly name: string
  /** Where it listens; the page and the other relays come by the ways in front of it. */
  readonly port: number
  readonly isRunning: boolean
  /** Resolves when it listens. Rejects with what it said where it ends before. */
  start(): Promise<void>
  /** As `kill -9` ends it. */
  kill(): Promise<void>
  /** Orderly. */
  stop(): Promise<void>
}

export interface RelayChildOptions {
  name: string
  data: string
  demo: string
  /** Its address for all others. */
  url: string
  peers: readonly string[]
  /** Through which it reaches others: so it is known who speaks. */
  proxy: string
}

export async function createRelayChild(options: RelayChildOptions): Promise<RelayChild> {
  const { name, data, demo, url, peers, proxy } = options
  const port = await freePort()
  const args = ['relay', '--port', `${port}`, '--data', data, '--demo', demo, '--advertise', url]
  for (const peer of peers) args.push('--peer', peer)
  for (const origin of [url, ...peers]) args.push('--allowed-origin', origin)
  let child: ChildProcess | undefined
  let gone: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    if (child !== undefined) return
    const started = spawn(process.execPath, [CLI, ...args], {
      env: { PATH: process.env.PATH ?? '', NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    const endWithUs = () => started.kill('SIGKILL')
    process.once('exit', endWithUs)
    gone = new Promise((resolve) => {
      started.once('close', () => {
        process.off('exit', endWithUs)
        if (child === started) child = undefined
        resolve()
      })
    })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      started.stderr.on('data', (text) => {
        if (said.includes('"listening"')) return
        said += text
        if (said.includes('"listening"')) resolve()
      })
      started.once('close', (code) => reject(new Error(`relay ${name} ended with ${code}: ${said}`)))
    })
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal)
    await gone
  }

  return {
    name,
    port,
    get isRunning() {
      return child !== undefined
    },
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'))
        else resolve(address.port)
      })
    })
  })
}
