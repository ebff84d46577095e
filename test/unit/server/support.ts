/** What the tests of a relay share: a relay on a free port, stock clients, and waiting for what must come. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { createRelay, type Relay, type RelayOptions } from '../../../server/index.ts'
import { freePort } from '../../../tools/free-port.ts'

// Each client adds a listener of its own.
process.setMaxListeners(1000)

const cleanups: (() => unknown)[] = []

/** Runs after the test, the last one first. */
export function cleanUp(act: () => unknown): void {
  cleanups.push(act)
}

afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-test-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const LATE_MS_MAX = 3_600_000

export interface RunningRelay {
  relay: Relay
  /** `http://127.0.0.1:12345` */
  url: string
  /** `ws://127.0.0.1:12345` */
  socketUrl: string
  /** Its folder. */
  data: string
  /** Events told at level error. */
  errors: unknown[]
  /** Everything told. */
  told: unknown[]
}

/** A relay with SQLite in a folder of its own, unless told otherwise. */
export async function startRelay(options: RelayOptions = {}, port?: number): Promise<RunningRelay> {
  const errors: unknown[] = []
  const told: unknown[] = []
  const log: RelayOptions['log'] = (level, event, fields) => {
    told.push({ level, event, ...fields })
    if (level === 'error') errors.push({ event, ...fields })
  }
  const data = options.data ?? temporaryFolder()
  // It shares its process with clients and tests, whose work is none of its own.
  const limits = { loopDelayMsMax: LATE_MS_MAX, ...options.limits }
  const relay = createRelay({ log, ...options, data, limits })
  cleanUp(() => relay.close())
  const { url } = await relay.listen(port ?? (await freePort()))
  return { relay, url, socketUrl: url.replace('http', 'ws'), data, errors, told }
}

export interface StockClient {
  doc: Y.Doc
  text: Y.Text
  provider: WebsocketProvider
  type(text: string): void
  leave(): void
}

/** An unmodified y-websocket client in `room`, which may name workspace and document or only the document. */
export function stockClient(url: string, room: string, doc: Y.Doc = new Y.Doc()): StockClient {
  const provider = new WebsocketProvider(url, room, doc, { disableBc: true })
  const text = doc.getText('text')
  let left = false
  const leave = (): void => {
    if (left) return
    left = true
    provider.destroy()
    provider.awareness.destroy()
  }
  cleanUp(leave)
  return { doc, text, provider, type: (added) => text.insert(text.length, added), leave }
}

export async function synced(client: StockClient): Promise<void> {
  await until('the client is synced', () => client.provider.synced)
}

/** Waits until `condition` holds; the test fails with `what` if that takes too long. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`It did not come to be within ${withinMs} ms that ${what}`)
    await pause(5)
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until all hold the same text, `expected` if given. */
export async function converged(clients: readonly StockClient[], expected?: string): Promise<void> {
  const texts = () => clients.map(({ text }) => text.toString())
  await until(`all texts are ${expected ?? 'equal'}, but: ${JSON.stringify(texts()).slice(0, 300)}`, () =>
    texts().every((text) => text === (expected ?? texts()[0])),
  )
}
