/** A relay in workerd, as `wrangler` runs it, for clients on Node. */
import { join } from 'node:path'
import { createTestHarness, type TestHarness } from 'wrangler'

export interface WorkerdRelay {
  /** `http://127.0.0.1:12345` */
  url: string
  /** `ws://127.0.0.1:12345` */
  socketUrl: string
  harness: TestHarness
  /** The object of a workspace forgets all but its storage, and its sockets where they are not to be closed. */
  evict(workspace: string, webSockets?: 'hibernate' | 'close'): Promise<void>
  /** Rows of the storage of a workspace's object. */
  query(workspace: string, sql: string, region?: string): Promise<Record<string, unknown>[]>
  /** Starts the script anew with other variables, as a deploy does. */
  deploy(vars: Record<string, string>): Promise<void>
  /** Starts the scripts of these settings in its place, with the storage that is there. */
  replace(...configs: readonly string[]): Promise<void>
  /** What the Worker logged as errors. */
  errors(): string[]
  close(): Promise<void>
}

const ROOT = join(import.meta.dirname, '../..')
const CLASS = 'RelayObject'

/** `config`: another file than the one of this repository, from its root; `others`: those of Workers beside it. */
export async function startWorkerd(config = 'wrangler.toml', ...others: readonly string[]): Promise<WorkerdRelay> {
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = 'false'
  process.env.WRANGLER_SEND_METRICS = 'false'
  const harness = createTestHarness({ root: ROOT, workers: [config, ...others].map((configPath) => ({ configPath })) })
  const { url } = await harness.listen()
  const nameOf = (workspace: string, region = 'weur'): string => `${region}/${workspace}`
  return {
    url: url.origin,
    socketUrl: url.origin.replace('http', 'ws'),
    harness,
    evict: (workspace, webSockets = 'hibernate') =>
      harness.getWorker().evictDurableObject(CLASS, { name: nameOf(workspace), webSockets }),
    async query(workspace, sql, region) {
      const storage = await harness.getWorker().getDurableObjectStorage(CLASS, { name: nameOf(workspace, region) })
      return (await storage.exec(sql)) as Record<string, unknown>[]
    },
    deploy: (vars) => harness.update({ root: ROOT, workers: [{ configPath: config, vars }] }),
    replace: (...configs) => harness.update({ root: ROOT, workers: configs.map((configPath) => ({ configPath })) }),
    errors: () =>
      harness
        .getLogs()
        .filter(({ level }) => level === 'error')
        .map(({ message }) => message),
    close: () => harness.close(),
  }
}
