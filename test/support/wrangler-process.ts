/** `wrangler dev` in a group of processes of its own, with its state in a folder, on a port that it keeps. */

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../tools/free-port.ts'
import { cleanUp, temporaryFolder } from './lifetime.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WRANGLER = fileURLToPath(new URL('../../node_modules/wrangler/bin/wrangler.js', import.meta.url))

export interface WranglerProcess {
  readonly url: string
  readonly socketUrl: string
  start(): Promise<void>
  /** Wrangler and workerd at once, as `kill -9` and power loss end them. */
  kill(): Promise<void>
}

/** `more`: arguments of `wrangler dev`. */
export async function startWranglerProcess(...more: readonly string[]): Promise<WranglerProcess> {
  const port = await freePort()
  const state = temporaryFolder()
  const args = [
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    `${port}`,
    '--persist-to',
    state,
    '--inspector-port',
    '0',
    ...more,
  ]
  let child: ChildProcess | undefined
  let gone: Promise<unknown> = Promise.resolve()

  async function start(): Promise<void> {
    const started = spawn(process.execPath, [WRANGLER, ...args, '--show-interactive-dev-session=false'], {
      cwd: ROOT,
      detached: true,
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    const endWithUs = () => void end()
    process.once('exit', endWithUs)
    gone = new Promise((resolve) => started.once('close', resolve)).then(() => process.off('exit', endWithUs))
    let said = ''
    await new Promise<void>((resolve, reject) => {
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (text) => {
          said += text
          if (said.includes('Ready on')) resolve()
        })
      }
      started.once('close', (code) => reject(new Error(`wrangler ended with ${code}: ${said}`)))
    })
  }

  function end(): void {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid, 'SIGKILL')
  }

  async function kill(): Promise<void> {
    end()
    await gone
  }

  cleanUp(kill)
  await start()
  return {
    url: `http://127.0.0.1:${port}`,
    socketUrl: `ws://127.0.0.1:${port}`,
    start,
    kill,
  }
}
