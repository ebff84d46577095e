/** Some relays in processes of their own, with a fault proxy in front of each: peers and clients reach them through that only. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../tools/free-port.ts'
import { type NetworkProxy, startNetworkProxy } from './network-proxy.ts'
import { type RelayProcess, startRelayProcess } from './relay-process.ts'

export interface MeshProcess {
  relay: RelayProcess
  proxy: NetworkProxy
  /** Where clients and peers reach it. */
  socketUrl: string
  url: string
  /** `kill -9`, and nothing of its disk is left. */
  lose(): Promise<void>
}

/** Each knows the first one only, which introduces the rest. */
export async function startMeshProcesses(count: number): Promise<MeshProcess[]> {
  const relays: MeshProcess[] = []
  for (let i = 0; i < count; i++) {
    const port = await freePort()
    const proxy = await startNetworkProxy(port)
    const url = proxy.socketUrl.replace('ws:', 'http:')
    const [first] = relays
    const args = ['--advertise', url, '--peer', first?.url ?? '', '--allowed-origin', url]
    const relay = await startRelayProcess({ port, args: first === undefined ? ['--mesh', '--advertise', url] : args })
    relays.push({
      relay,
      proxy,
      url,
      socketUrl: proxy.socketUrl,
      async lose() {
        await relay.kill()
        rmSync(join(relay.data, 'workspaces'), { recursive: true, force: true })
        for (const suffix of ['', '-wal', '-shm']) rmSync(join(relay.data, `mesh.sqlite${suffix}`), { force: true })
      },
    })
  }
  return relays
}
