/** Server processes: started, looked at and killed. What the system tells of them is read from `/proc`, on Linux. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../tools/free-port.ts'
import type { ServerProcess } from './system.ts'

export interface ServerOptions {
  /** Arguments of `node`, for this port and folder. */
  args(port: number, data: string): string[]
  env?(port: number, data: string): Record<string, string>
  stores: boolean
}

/** Clock ticks in `/proc/<pid>/stat`; Linux shows 100 a second to every program. */
const TICKS_A_SECOND = 100
/** How long a server may take to answer its first request: a store of a peer may need a while. */
const STARTED_WITHIN_MS = 60_000

export async function startServer(options: ServerOptions): Promise<ServerProcess & { remove(): Promise<void> }> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-bench-'))
  let child: ChildProcess | undefined
  let gone: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    const started = spawn(process.execPath, options.args(port, folder), {
      env: { PATH: process.env.PATH ?? '', ...options.env?.(port, folder) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    let stderr = ''
    started.stderr.on('data', (text) => {
      stderr = (stderr + text).slice(-4_000)
    })
    gone = new Promise((resolve) => started.once('close', () => resolve()))
    const end = Date.now() + STARTED_WITHIN_MS
    while (!(await answers(port))) {
      if (started.exitCode !== null || Date.now() > end) throw new Error(`the server does not start: ${stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal)
    await gone
  }

  function endWithUs(): void {
    child?.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }

  process.once('exit', endWithUs)
  await start()
  return {
    port,
    data: options.stores ? folder : undefined,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    cpuMs: () => cpuMsOf(child?.pid),
    writtenBytes: () => readWrittenBytes(child?.pid),
    storedBytes: () => bytesOf(folder),
    async remove() {
      await end('SIGKILL')
      process.off('exit', endWithUs)
      endWithUs()
    },
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`)
    await response.arrayBuffer()
    return true
  } catch {
    return false
  }
}

/** User and system time: fields 14 and 15, counted behind the name, which may hold anything. */
export function cpuMsOf(pid: number | undefined): number | undefined {
  const stat = readProc(pid, 'stat')
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_A_SECOND
}

/** The workerd that a process has started, itself or by another; `undefined` where the system does not tell. */
export function workerdOf(parent: number): number | undefined {
  if (!existsSync('/proc/self/stat')) return undefined
  const parents = new Map<number, number>()
  const names = new Map<number, string>()
  for (const name of readdirSync('/proc')) {
    const [, command = '', ppid] = /^\d+ \((.*)\) \S (\d+) /.exec(readProc(Number(name), 'stat') ?? '') ?? []
    parents.set(Number(name), Number(ppid))
    names.set(Number(name), command)
  }
  const isBelow = (pid: number | undefined): boolean => pid === parent || (!!pid && isBelow(parents.get(pid)))
  return [...names].find(([pid, command]) => command === 'workerd' && isBelow(pid))?.[0]
}

function readWrittenBytes(pid: number | undefined): number | undefined {
  const bytes = /^write_bytes: (\d+)$/m.exec(readProc(pid, 'io') ?? '')?.[1]
  return bytes === undefined ? undefined : Number(bytes)
}

function readProc(pid: number | undefined, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

function bytesOf(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return bytes
}
