/** What reconnects cost: bytes that passed, against what stock Yjs would have sent in their place. */
import { reconnectBytes } from './stock.ts'
import type { Device, LabNode, LabWorld, Relay } from './types.ts'

export interface Reconnect {
  device: string
  relay: string
  /** Marks that the device or the relay lacked. */
  missed: number
  bytes: number
  stockBytes: number
}

export interface Reconnects {
  passed(from: string, to: string, bytes: number): void
  /** To be called often: looks who is connected, and who has everything again. */
  look(world: LabWorld): void
  /** The last one of each device, the latest first: one that comes and goes hides no other. */
  readonly last: readonly Reconnect[]
}

/** What parts a device from a relay while it is connected to none. */
type Parting = Pick<Reconnect, 'missed' | 'stockBytes'>

interface Running extends Reconnect {
  before: number
  /** Marks that either had when it began: it is over when both have these, whatever is written meanwhile. */
  wanted: ReadonlySet<string>
}

export function createReconnects(): Reconnects {
  const bytesOf = new Map<string, number>()
  const before = new Map<string, number>()
  const connected = new Map<string, string | undefined>()
  const running = new Map<string, Running>()
  const partings = new Map<string, Parting>()
  /** Those who had everything once: the first time is no reconnect. */
  const settled = new Set<string>()
  const last: Reconnect[] = []

  const total = (device: string, relay: string): number => bytesOf.get(keyOf(device, relay)) ?? 0

  function begin(device: Device, relay: Relay): void {
    const parting = partings.get(keyOf(device.name, relay.name)) ?? partingOf(device, relay)
    running.set(device.name, {
      device: device.name,
      relay: relay.name,
      ...parting,
      bytes: 0,
      before: before.get(keyOf(device.name, relay.name)) ?? 0,
      wanted: new Set([...namesIn(device), ...namesIn(relay)]),
    })
  }

  function finish(world: LabWorld, device: Device, measured: Running): void {
    const relay = world.relays.find(({ name }) => name === measured.relay)
    if (relay === undefined || !device.synced()) return
    if (![device, relay].every((node) => measured.wanted.isSubsetOf(namesIn(node)))) return
    running.delete(device.name)
    const { before: start, wanted: _wanted, ...reconnect } = measured
    const before = last.findIndex((each) => each.device === device.name)
    if (before >= 0) last.splice(before, 1)
    last.unshift({ ...reconnect, bytes: total(device.name, measured.relay) - start })
  }

  return {
    last,
    passed(from, to, bytes) {
      const key = keyOf(from, to)
      bytesOf.set(key, (bytesOf.get(key) ?? 0) + bytes)
    },
    look(world) {
      for (const device of world.devices) {
        if (!device.told) continue
        const relay = device.relay()
        const again = world.relays.find(({ name }) => name === relay && name !== connected.get(device.name))
        if (again !== undefined && settled.has(device.name)) begin(device, again)
        for (const each of world.relays) {
          if (relay === undefined && settled.has(device.name))
            partings.set(keyOf(device.name, each.name), partingOf(device, each))
          else partings.delete(keyOf(device.name, each.name))
        }
        connected.set(device.name, relay)
        if (device.synced()) settled.add(device.name)
        for (const { name } of world.relays)
          if (name !== relay) before.set(keyOf(device.name, name), total(device.name, name))
        const measured = running.get(device.name)
        if (measured !== undefined && relay !== measured.relay) running.delete(device.name)
        else if (measured !== undefined) finish(world, device, measured)
      }
    },
  }
}

function partingOf(device: Device, relay: Relay): Parting {
  const missed = namesIn(device).symmetricDifference(namesIn(relay)).size
  return { missed, stockBytes: reconnectBytes(device.documents, relay.held) }
}

const keyOf = (a: string, b: string): string => [a, b].sort().join(' ')
const namesIn = (node: LabNode): Set<string> => new Set(node.marks().map(({ by, nth }) => `${by}${nth}`))
