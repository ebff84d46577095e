/** What reconnects cost: bytes that passed, against what stock Yjs would have sent in their place. */
import { reconnectBytes } from './stock.ts'
import type { Device, LabWorld } from './world.ts'

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
  readonly last: readonly Reconnect[]
}

/** A reconnect that takes longer goes on under new ones. */
const MEASURED_MS_MAX = 6_000
const KEPT = 5

interface Running extends Reconnect {
  before: number
  since: number
}

export function createReconnects(now: () => number): Reconnects {
  const bytesOf = new Map<string, number>()
  const before = new Map<string, number>()
  const connected = new Map<string, string | undefined>()
  const running = new Map<string, Running>()
  /** Those who had everything once: the first time is no reconnect. */
  const settled = new Set<string>()
  const last: Reconnect[] = []

  const total = (device: string, relay: string): number => bytesOf.get(keyOf(device, relay)) ?? 0

  function begin(world: LabWorld, device: Device, name: string): void {
    const relay = world.relays.find((each) => each.name === name)
    if (relay === undefined) return
    const server = [relay.held, ...device.documents.slice(1)]
    const [own, theirs] = [new Set(device.marks().map(nameOf)), new Set(relay.marks().map(nameOf))]
    const missed =
      [...own].filter((mark) => !theirs.has(mark)).length + [...theirs].filter((mark) => !own.has(mark)).length
    running.set(device.name, {
      device: device.name,
      relay: name,
      missed,
      bytes: 0,
      stockBytes: reconnectBytes(device.documents, server),
      before: before.get(keyOf(device.name, name)) ?? 0,
      since: now(),
    })
  }

  function finish(world: LabWorld, device: Device, measured: Running): void {
    const relay = world.relays.find(({ name }) => name === measured.relay)
    const done = device.synced() && relay !== undefined && device.marks().length === relay.marks().length
    if (!done && now() - measured.since < MEASURED_MS_MAX) return
    running.delete(device.name)
    if (!done) return
    const { before: start, since: _since, ...reconnect } = measured
    last.unshift({ ...reconnect, bytes: total(device.name, measured.relay) - start })
    last.length = Math.min(last.length, KEPT)
  }

  return {
    last,
    passed(from, to, bytes) {
      const key = keyOf(from, to)
      bytesOf.set(key, (bytesOf.get(key) ?? 0) + bytes)
    },
    look(world) {
      for (const device of world.devices) {
        const relay = device.relay()
        const again = relay !== undefined && relay !== connected.get(device.name)
        if (again && settled.has(device.name)) begin(world, device, relay)
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

const keyOf = (a: string, b: string): string => [a, b].sort().join(' ')
const nameOf = ({ by, nth }: { by: string; nth: number }): string => `${by}${nth}`
