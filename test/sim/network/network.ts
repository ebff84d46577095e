/** A network in memory: the sockets of clients and the connections of relays, in pairs, as `Dial` and `Connection` want them. */
import { exchange } from './exchange.ts'
import { openLink } from './link.ts'
import type { Endpoint, Link, Network, NetworkOptions, Path } from './types.ts'

export function createNetwork(options: NetworkOptions): Network {
  const { chance } = options
  const endpoints = new Map<string, Endpoint>()
  const paths = new Map<string, Path>()
  const links = new Set<Link>()

  function path(client: string, relay: string): Path {
    const key = `${client} ${relay}`
    let found = paths.get(key)
    if (found === undefined) {
      found = { delayMs: 5 + chance.below(60), tailMs: 0, bandwidth: 1000, loss: 0, cut: new Set() }
      paths.set(key, found)
    }
    return found
  }

  return {
    path,
    dialOf: (client, process) => {
      const own = new Set<Link>()
      return (url, handlers) => {
        const { host, pathname } = new URL(url)
        const { link, socket } = openLink({
          network: options,
          client,
          process,
          relay: host,
          workspace: decodeURIComponent(pathname.split('/').at(-1) ?? ''),
          way: path(client, host),
          handlers,
          endpoint: () => endpoints.get(host),
          ended(gone) {
            links.delete(gone)
            own.delete(gone)
          },
        })
        links.add(link)
        own.add(link)
        options.dialled?.(process, own.size)
        return socket
      }
    },
    exchange: (from, process, to, workspace, request) =>
      exchange(
        { network: options, from, process, to, workspace, way: path(from, to), endpoint: () => endpoints.get(to) },
        request,
      ),
    listen: (relay, endpoint) => void endpoints.set(relay, endpoint),
    links: (client, relay) =>
      [...links].filter(
        (link) => (client === undefined || link.client === client) && (relay === undefined || link.relay === relay),
      ),
  }
}
