/**
 * Requests between relays: each is a connection of its own, as far as faults go. A request or its answer is late, damaged, lost, or
 * comes twice; then nobody tells, and whoever waits gives up after a while.
 */
import { RejoinError } from '../../../shared/errors.ts'
import type { Process } from '../time/process.ts'
import type { Endpoint, NetworkOptions, Path } from './types.ts'

export interface ExchangeOptions {
  network: NetworkOptions
  from: string
  process: Process
  to: string
  workspace: string | undefined
  way: Path
  endpoint(): Endpoint | undefined
}

/** How long a relay waits for an answer. */
const GIVEN_UP_MS = 10_000
/** How long it takes to find that nobody listens there. */
const RESENT_MS = 200

export function exchange(options: ExchangeOptions, request: Uint8Array): Promise<Uint8Array> {
  const { from, to, process, way, network } = options
  const { clock, chance } = network
  return new Promise((resolve, reject) => {
    let over = false
    const settle = (act: () => void): void => {
      if (over) return
      over = true
      process.run(act)
    }
    const fail = (detail: string): void => settle(() => reject(new RejoinError('timeout', detail)))
    clock.after(GIVEN_UP_MS, () => fail(`${to} does not answer`))

    const travel = (bytes: Uint8Array, direction: 'up' | 'down', arrive: (bytes: Uint8Array) => void): void => {
      if (way.cut.has(direction)) return
      const late = way.tailMs > 0 && chance.happens(0.1) ? chance.below(way.tailMs) : 0
      const resent = way.loss > 0 && chance.happens(way.loss) ? RESENT_MS * (1 + chance.below(20)) : 0
      if (way.loss > 0 && chance.happens(way.loss / 4)) return
      clock.after(way.delayMs + bytes.length / way.bandwidth + late + resent, () => {
        if (!way.cut.has(direction)) arrive(spoiled(options, bytes))
      })
    }
    const ask = (): void =>
      travel(request, 'up', (bytes) => {
        const endpoint = options.endpoint()
        if (endpoint?.process.alive !== true || endpoint.answer === undefined) return fail(`nobody listens at ${to}`)
        const { answer } = endpoint
        network.exchanged?.(from, to, bytes)
        endpoint.process.run(() => {
          const answered = answer(options.workspace, bytes)
          if (endpoint.process.alive) travel(answered, 'down', (back) => settle(() => resolve(back)))
        })
      })
    ask()
    if (way.replays !== undefined && chance.happens(way.replays)) clock.after(chance.below(5_000), ask)
  })
}

function spoiled({ way, network: { chance } }: ExchangeOptions, bytes: Uint8Array): Uint8Array {
  if (way.damage === undefined || !chance.happens(way.damage)) return bytes
  const spoiled = bytes.slice(0, chance.happens(0.3) ? chance.below(bytes.length) : bytes.length)
  const at = chance.below(Math.max(1, spoiled.length))
  if (at < spoiled.length) spoiled[at] = (spoiled[at] as number) ^ (1 << chance.below(8))
  return spoiled
}
