/** `BroadcastChannel` in virtual time: messages between tabs of one replica, in order, a little late. */
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Process, Running } from '../time/process.ts'

const DELAY_MS = 4

/**
 * Puts a simulated BroadcastChannel in the place of the platform's, whose messages would come in real time; the returned function
 * puts that one back. A channel belongs to the process whose code makes it.
 */
export function installChannels(clock: Clock, chance: Chance, running: Running): () => void {
  const channels = new Map<string, Set<SimulatedChannel>>()

  class SimulatedChannel {
    onmessage: ((event: { data: unknown }) => void) | null = null
    private readonly name: string
    private readonly process: Process | undefined = running.process
    private readonly queue: unknown[] = []

    constructor(name: string) {
      this.name = name
      const all = channels.get(name) ?? new Set()
      channels.set(name, all.add(this))
    }

    postMessage(data: unknown): void {
      for (const other of channels.get(this.name) ?? []) if (other !== this) other.enqueue(cloned(data))
    }

    close(): void {
      channels.get(this.name)?.delete(this)
    }

    private enqueue(data: unknown): void {
      this.queue.push(data)
      if (this.queue.length === 1) this.deliverNext()
    }

    private deliverNext(): void {
      clock.after(chance.below(DELAY_MS), () => {
        const data = this.queue.shift()
        if (this.process === undefined || !this.process.alive) return this.close()
        this.process.run(() => {
          if (channels.get(this.name)?.has(this)) this.onmessage?.({ data })
        })
        if (this.queue.length > 0) this.deliverNext()
      })
    }
  }

  const platform = Object.getOwnPropertyDescriptor(globalThis, 'BroadcastChannel')
  Object.defineProperty(globalThis, 'BroadcastChannel', {
    value: SimulatedChannel,
    configurable: true,
    writable: true,
  })
  return () => {
    if (platform !== undefined) Object.defineProperty(globalThis, 'BroadcastChannel', platform)
  }
}

/**
 * A structured clone. The platform's, which takes ten times as long, has the word on everything but what messages are made of; none of
 * them holds itself.
 */
function cloned(value: unknown): unknown {
  if (value === null || PRIMITIVE.has(typeof value)) return value
  if (Array.isArray(value)) return value.map(cloned)
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [cloned(key), cloned(held)]))
  if (typeof value !== 'object' || value.constructor !== Object) return structuredClone(value)
  const copy: Record<string, unknown> = {}
  for (const [key, held] of Object.entries(value)) copy[key] = cloned(held)
  return copy
}

const PRIMITIVE: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'undefined', 'bigint'])
