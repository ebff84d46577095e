/**
 * A mesh on this machine with its network in one's hand: relays in processes of their own, the ways between them and in front of
 * them, clients that write when the lab asks, and what the lab sees of all that.
 */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Command, ToldDevice, ToldRelay, ToldWorld } from '../../demo/lab/told.ts'
import type { MeshView } from '../../server/index.ts'
import { createDevices } from './devices.ts'
import { openFront, tokenOf } from './front.ts'
import { createLinks } from './links.ts'
import { createMeshRelay, type MeshRelay } from './relays.ts'
import { openReplica, type Replica } from './replica.ts'
import { createWatch } from './watch.ts'

export interface LocalMesh {
  /** Where each relay is reached. */
  readonly urls: readonly string[]
  readonly relays: readonly MeshRelay[]
  /** Kills a relay, or starts it again. */
  toggle(relay: MeshRelay): Promise<void>
  close(): Promise<void>
}

export interface LocalMeshOptions {
  ports: readonly number[]
  /** A folder for all of them. */
  data: string
  demo: string
  workspace: string
  /** Clients that write when they are asked to. */
  writers: readonly string[]
}

const LOOK_EVERY_MS = 400
const LOOK_MS_MAX = 2_000

export async function openLocalMesh({ ports, data, demo, workspace, writers }: LocalMeshOptions): Promise<LocalMesh> {
  const names = ports.map((_, nth) => `r${nth + 1}`)
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const story = `lab/${crypto.randomUUID().slice(0, 8)}`
  const devices = createDevices(writers)
  const servers: Server[] = []
  const relays: MeshRelay[] = []
  const replicas: Replica[] = []
  const views = new Map<string, MeshView>()
  const watch = createWatch({ origins: new Set(urls), world, held, act })
  const links = createLinks(watch.passed)

  for (const [nth, name] of names.entries()) {
    const peers = urls.filter((_, other) => other !== nth)
    const proxy = await listen(createWays(name))
    relays.push(
      await createMeshRelay({ name, data: join(data, `${nth + 1}`), demo, url: urls[nth] ?? '', peers, proxy }),
    )
  }
  for (const [nth, { name, port: inner }] of relays.entries()) {
    servers.push(await openFront({ name, port: ports[nth] ?? 0, inner, links, devices, lab: watch.answer }))
  }
  await Promise.all(relays.map((relay) => relay.start()))
  // One that reads what a relay has, by no way that could be cut.
  for (const { name, port } of relays) await enter(name, [`ws://127.0.0.1:${port}`], 'opened')
  for (const [nth, name] of writers.entries()) {
    const own = await Promise.all(relays.map((relay) => listen(createWay(name, relay))))
    const home = (nth + 1) % own.length
    await enter(name, [...own.slice(home), ...own.slice(0, home)], 'all')
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)

  /** Through which a relay reaches the others, so that it is known who speaks. */
  function createWays(from: string): Server {
    const server = createHttpServer((_, response) => response.writeHead(404).end())
    server.on('connect', ({ url = '' }: IncomingMessage, socket: Socket, head: Buffer) => {
      const to = relays[urls.indexOf(`http://${url}`)]
      if (to === undefined) return void socket.destroy()
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      links.carry(from, to.name, socket, to.port, head)
    })
    return server
  }

  function createWay(from: string, to: MeshRelay): Server {
    return createServer((socket) => links.carry(from, to.name, socket, to.port))
  }

  async function listen(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function enter(name: string, through: readonly string[], keeps: 'all' | 'opened'): Promise<void> {
    const wrote = (update: Uint8Array): void => watch.wrote(name, update)
    replicas.push(await openReplica({ name, workspace, story, relays: through, keeps, wrote }))
  }

  async function look(): Promise<void> {
    if (!watch.isWatched) return
    for (const { name, port, isRunning } of relays) {
      if (!isRunning) continue
      const signal = AbortSignal.timeout(LOOK_MS_MAX)
      // One that is being stopped answers nothing, and the graph shows what it was.
      const answer = await fetch(`http://127.0.0.1:${port}/mesh`, { signal }).catch(() => undefined)
      if (answer?.ok) views.set(name, (await answer.json()) as MeshView)
    }
  }

  function world(incoming: IncomingMessage): ToldWorld {
    const own = devices.of(tokenOf(incoming))
    const others = [...names, ...writers, ...devices.names]
    const pairs = names.flatMap((relay) => others.map((other): [string, string] => [other, relay]))
    const those = (what: 'cut' | 'slow') => pairs.filter(([a, b]) => links.is(what, a, b)).map((pair) => pair.join(' '))
    return {
      story,
      ...(own === undefined ? {} : { own }),
      relays: relays.map(tellRelay),
      devices: [...writers, ...devices.names.filter((name) => name === own || isHere(name))].sort().map(tellDevice),
      cut: those('cut'),
      slow: those('slow'),
    }
  }

  /** A browser that has gone is shown no more, but for one that was cut off. */
  function isHere(name: string): boolean {
    return names.some((relay) => links.open(name, relay) > 0 || links.is('cut', name, relay))
  }

  function tellRelay({ name, isRunning }: MeshRelay): ToldRelay {
    const view = views.get(name)
    const owed: Record<string, number> = {}
    for (const { peer, entries } of isRunning ? (view?.hints ?? []) : []) {
      const to = names[urls.indexOf(peer)]
      if (to !== undefined) owed[to] = (owed[to] ?? 0) + entries
    }
    return { name, off: !isRunning, digest: view?.root ?? '', owed }
  }

  function tellDevice(name: string): ToldDevice {
    const replica = replicaOf(name)
    const relay = names.find((each) => links.open(name, each) > 0)
    return {
      name,
      ...(relay === undefined ? {} : { relay }),
      told: replica !== undefined,
      waiting: replica?.waiting ?? 0,
      synced: replica?.isSynced ?? false,
    }
  }

  function replicaOf(name: string): Replica | undefined {
    return replicas.find((replica) => replica.name === name)
  }

  function held(): { node: string; update: Uint8Array }[] {
    return replicas.map((replica) => ({ node: replica.name, update: replica.state() }))
  }

  function act(command: Command): boolean {
    switch (command.do) {
      case 'cut':
      case 'slow': {
        const { a, b, on } = command
        if (![a, b].every((name) => [...names, ...writers, ...devices.names].includes(name))) return false
        links.set(command.do, a, b, on)
        if (!on) replicaOf(a)?.hurry()
        return true
      }
      case 'stop':
      case 'start': {
        const relay = relays.find(({ name }) => name === command.relay)
        if (relay === undefined) return false
        if (relay.isRunning === (command.do === 'stop')) toggle(relay).catch(tellTrouble)
        return true
      }
      case 'write':
        replicaOf(command.device)?.write()
        return writers.includes(command.device)
      default:
        return false
    }
  }

  async function toggle(relay: MeshRelay): Promise<void> {
    if (relay.isRunning) return relay.kill()
    await relay.start()
    for (const replica of replicas) replica.hurry()
  }

  return {
    urls,
    relays,
    toggle,
    async close() {
      clearInterval(timer)
      await replicas[0]?.forget().catch(() => {})
      watch.close()
      await Promise.all(replicas.map((replica) => replica.close()))
      await Promise.all(relays.map((relay) => relay.stop()))
      for (const server of servers) closeServer(server)
    },
  }
}

function closeServer(server: Server): void {
  server.close()
  if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function') server.closeAllConnections()
}

const tellTrouble = (error: unknown): void => console.error(error instanceof Error ? error.message : error)
