/** Chaos for some seconds: ways are cut and slowed, relays die, everybody writes; then all is healed. */
import type { LabWorld } from './types.ts'

const STEPS = 14
const STEP_MS = 650

/** Returns what ends it before its time; `over` is called when all is healed. */
export function makeChaos(world: LabWorld, over: () => void): () => void {
  let step = 0
  const timer = setInterval(() => {
    step++
    if (step > STEPS) return end()
    for (const device of world.devices) if (Math.random() < 0.6) device.write()
    const dice = Math.random()
    const [device, relay, other] = [oneOf(world.devices), oneOf(world.relays), oneOf(world.relays)]
    if (device === undefined || relay === undefined || other === undefined) return
    if (dice < 0.35) world.cut(device.name, relay.name, !world.isCut(device.name, relay.name))
    else if (dice < 0.55 && relay !== other) world.cut(relay.name, other.name, !world.isCut(relay.name, other.name))
    else if (dice < 0.75) world.slow(device.name, relay.name, !world.isSlow(device.name, relay.name))
    // One of them stays: it is a talk, not a funeral.
    else if (relay.off || world.relays.filter(({ off }) => !off).length > 1) relay.toggle()
  }, STEP_MS)

  function end(): void {
    clearInterval(timer)
    heal(world)
    over()
  }
  return end
}

export function heal(world: LabWorld): void {
  for (const relay of world.relays) if (relay.off) relay.toggle()
  for (const relay of world.relays) {
    for (const node of [...world.devices, ...world.relays]) {
      if (node === relay) continue
      if (world.isSlow(node.name, relay.name)) world.slow(node.name, relay.name, false)
      if (world.isCut(node.name, relay.name)) world.cut(node.name, relay.name, false)
    }
  }
}

const oneOf = <T>(values: readonly T[]): T | undefined => values[Math.floor(Math.random() * values.length)]
