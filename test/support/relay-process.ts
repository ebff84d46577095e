/** The real relay in a process of its own, on a port that it keeps when it is killed and started again. */
import { freePort } from '../../tools/free-port.ts'
import { createRelayChild } from '../../tools/relay-child.ts'
import { cleanUp, temporaryFolder } from './lifetime.ts'
import { plainEnvironment } from './plain-environment.ts'

export interface RelayProcess {
  readonly port: number
  /** `http://127.0.0.1:12345` */
  readonly url: string
  /** `ws://127.0.0.1:12345` */
  readonly socketUrl: string
  readonly data: string
  /** Starts it again, with the same port and data. */
  start(): Promise<void>
  /** As `kill -9` and power loss end it, apart from what the system has not written to the disk. */
  kill(): Promise<void>
  /** As who runs it ends it. */
  stop(): Promise<void>
}

export interface RelayProcessOptions {
  /** By default a folder of its own. */
  data?: string
  port?: number
  /** Where it listens; 127.0.0.1 by default. */
  host?: string
  /** A command that runs another one in its own process, as `ip netns exec relay0`. */
  via?: readonly string[]
  /** A folder to serve at `/`. */
  pages?: string
  /** It outlives the test: whoever starts it kills it. By default it ends with the test. */
  stays?: boolean
  /** More arguments. */
  args?: readonly string[]
}

export async function startRelayProcess(options: RelayProcessOptions = {}): Promise<RelayProcess> {
  const data = options.data ?? temporaryFolder()
  const port = options.port ?? (await freePort())
  const { host = '127.0.0.1', via } = options
  const url = `http://${host}:${port}`
  // Its own pages come to it through the network of the test too, which has another port.
  const args = ['--port', String(port), '--host', host, '--data', data, '--allowed-origin', url]
  args.push(...(options.args ?? []))
  if (options.pages !== undefined) args.push('--demo', options.pages)
  const { start, kill, stop } = createRelayChild({ args, env: plainEnvironment(), via })
  if (!options.stays) cleanUp(kill)
  await start()
  return { port, url, socketUrl: `ws://${host}:${port}`, data, start, kill, stop }
}
