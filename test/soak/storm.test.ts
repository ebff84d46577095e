/** Two thousand real clients whose relay is killed, or stopped, and comes back: all return, spread out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const CLIENTS = 2_000
const PROCESSES = 4
const WINDOW_MS = 100
const AWAY_MS = 8_000
const CLIENTS_FILE = new URL('../support/storm-clients.ts', import.meta.url).pathname

interface Told {
  attempts: number[]
  synced: number
}

function startClients(url: string, first: number, count: number) {
  const child: ChildProcess = spawn(process.execPath, [CLIENTS_FILE, url, String(first), String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  cleanUp(() => void child.kill('SIGKILL'))
  if (child.stdout === null) throw new Error('the clients say nothing')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (): Promise<Told> => {
    child.stdin?.write('tell\n')
    const { value } = await lines.next()
    return JSON.parse(String(value)) as Told
  }
}

test.each(['kill', 'stop'] as const)(
  `[P7][P10] ${CLIENTS} clients of a relay after a %s: none is refused for ever, at most 5 % of them try in any ${WINDOW_MS} ms`,
  async (how) => {
    const relay = await startRelayProcess()
    const each = CLIENTS / PROCESSES
    const asks = Array.from({ length: PROCESSES }, (_, n) => startClients(relay.socketUrl, n * each, each))
    const attempts: number[] = []
    const synced = async (): Promise<number> => {
      const told = await Promise.all(asks.map((ask) => ask()))
      for (const { attempts: own } of told) attempts.push(...own)
      return told.reduce((sum, each) => sum + each.synced, 0)
    }
    await until('all are in sync', async () => (await synced()) === CLIENTS, { withinMs: 120_000 })
    attempts.length = 0
    await relay[how]()
    const back = performance.now() + AWAY_MS
    await until('it is time', () => performance.now() > back)
    await relay.start()
    const startedAt = performance.now()
    await until('all are back', async () => (await synced()) === CLIENTS, { withinMs: 120_000 })
    const seconds = (performance.now() - startedAt) / 1000
    attempts.sort((a, b) => a - b)
    let most = 0
    for (let from = 0, to = 0; to < attempts.length; to++) {
      while ((attempts[to] ?? 0) - (attempts[from] ?? 0) >= WINDOW_MS) from++
      most = Math.max(most, to - from + 1)
    }
    console.log(
      `${how}: ${attempts.length} attempts, at most ${most} in ${WINDOW_MS} ms; all back ${seconds.toFixed(1)} s after the start`,
    )
    expect(most).toBeLessThanOrEqual(CLIENTS * 0.05)
  },
)
