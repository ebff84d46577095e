/** A relay in a process of its own, which is killed and started again: for the tests and the mesh of the demo. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../server/cli.ts', import.meta.url))

export interface RelayChild {
  readonly isRunning: boolean
  /** Resolves when it listens, at once where it runs. Rejects with what it said where it ends before. */
  start(): Promise<void>
  /** As `kill -9` and power loss end it, apart from what the system has not written to the disk. */
  kill(): Promise<void>
  /** As who runs it ends it. */
  stop(): Promise<void>
}

export interface RelayChildOptions {
  /** What follows `rejoin relay`. */
  args: readonly string[]
  env: Readonly<Record<string, string>>
  /** A command that runs another one in its own process, as `ip netns exec relay0`. */
  via?: readonly string[]
}

/** Not started yet. It ends with this process. */
export function createRelayChild({ args, env, via = [] }: RelayChildOptions): RelayChild {
  let child: ChildProcess | undefined
  let gone: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    if (child?.killed === false) return
    await gone
    const [command = process.execPath, ...rest] = [...via, process.execPath, CLI, 'relay', ...args]
    const started = spawn(command, rest, { env, stdio: ['ignore', 'ignore', 'pipe'] })
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
    await listening(started)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal)
    await gone
  }

  return {
    get isRunning() {
      return child !== undefined
    },
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

function listening(child: ChildProcess): Promise<void> {
  let said = ''
  let listens = false
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (text) => {
      if (listens) return
      said += text
      listens = said.includes('"listening"')
      if (listens) resolve()
    })
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`the relay ended with ${code}: ${said}`)))
  })
}
