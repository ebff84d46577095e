/** The relays of the mesh, a process each, so that stopping one is what a crash is. */
import { freePort } from '../free-port.ts'
import { createRelayChild, type RelayChild } from '../relay-child.ts'

export interface MeshRelay extends RelayChild {
  readonly name: string
  /** Where it listens; the page and the other relays come by the ways in front of it. */
  readonly port: number
}

export interface MeshRelayOptions {
  name: string
  data: string
  demo: string
  /** Its address for all others. */
  url: string
  peers: readonly string[]
  /** Through which it reaches others: so it is known who speaks. */
  proxy: string
}

export async function createMeshRelay(options: MeshRelayOptions): Promise<MeshRelay> {
  const { name, data, demo, url, peers, proxy } = options
  const port = await freePort()
  const args = ['--port', `${port}`, '--data', data, '--demo', demo, '--advertise', url]
  for (const peer of peers) args.push('--peer', peer)
  for (const origin of [url, ...peers]) args.push('--allowed-origin', origin)
  const env = { PATH: process.env.PATH ?? '', NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy }
  const child = createRelayChild({ args, env })
  return {
    name,
    port,
    get isRunning() {
      return child.isRunning
    },
    start: child.start,
    kill: child.kill,
    stop: child.stop,
  }
}
