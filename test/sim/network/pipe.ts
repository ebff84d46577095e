/**
 * One direction of a connection. It keeps the order of what is sent, as TCP does; what goes wrong is that a message is late,
 * slow, damaged, comes twice, or that nothing comes any more.
 */
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Path } from './types.ts'

export interface Pipe {
  /** Nothing of what is sent arrives. */
  readonly lost: boolean
  readonly buffered: number
  send(data: Uint8Array | string, drained?: () => void): void
  stall(forMs: number): void
  damage(): void
  replay(): boolean
  slow(bandwidth: number): void
  /** What is under way comes without further delay, and nothing more is damaged. */
  mend(): void
  /** Nothing of what is under way arrives, nor what is sent from now on. */
  drop(): void
}

export interface PipeOptions {
  clock: Clock
  chance: Chance
  way: Path
  isCut(): boolean
  take(data: Uint8Array | string): void
  /** The transport has sent a message again too often. */
  gaveUp(): void
}

/** Node tells of a drained socket only when more than this was in it. */
const HIGH_WATER_BYTES = 16 * 1024
/** Of a transport: until a lost message is sent again for the first time, doubled each time, and how often it tries. */
const RESENT_AFTER_MS = 200
const RESENT_MAX = 7
/** Frames that can be replayed. */
const REMEMBERED_MAX = 8

interface Message {
  data: Uint8Array | string
  ready: number
  size: number
}

export function createPipe(options: PipeOptions): Pipe {
  const { clock, chance, way } = options
  const queue: Message[] = []
  const remembered: Uint8Array[] = []
  let lastReady = 0
  let waiting: (() => void) | undefined
  let damaged = false
  let lost = false
  let bandwidth = Infinity
  let buffered = 0
  let full = false
  let stalledUntil = 0
  let drained: (() => void) | undefined

  function next(): void {
    const first = queue[0]
    if (waiting !== undefined || first === undefined) return
    waiting = clock.after(Math.max(first.ready, stalledUntil) - clock.now(), arrive)
  }

  function arrive(): void {
    waiting = undefined
    if (clock.now() < stalledUntil) return next()
    const message = queue.shift()
    if (message === undefined) return
    buffered -= message.size
    if (typeof message.data !== 'string') {
      remembered.push(message.data)
      if (remembered.length > REMEMBERED_MAX) remembered.shift()
    }
    options.take(message.data)
    if (full && buffered === 0) {
      full = false
      drained?.()
    }
    next()
  }

  /** How long the transport needs more than usual. */
  function late(): number {
    const tail = way.tailMs > 0 && chance.happens(0.1) ? chance.below(way.tailMs) : 0
    if (way.loss === 0) return tail
    let resent = 0
    while (resent <= RESENT_MAX && chance.happens(way.loss)) resent++
    if (resent > RESENT_MAX) clock.after(0, options.gaveUp)
    return tail + RESENT_AFTER_MS * (2 ** resent - 1)
  }

  function spoil(data: Uint8Array): Uint8Array {
    const spoiled = data.slice()
    if (chance.happens(0.3)) return spoiled.subarray(0, chance.below(spoiled.length))
    const at = chance.below(spoiled.length)
    spoiled[at] = (spoiled[at] as number) ^ (1 << chance.below(8))
    return spoiled
  }

  return {
    get lost() {
      return lost
    },
    get buffered() {
      return buffered
    },
    send(data, whenDrained) {
      if (lost || options.isCut()) return
      drained = whenDrained
      const size = data.length
      const start = Math.max(clock.now(), lastReady - way.delayMs)
      const ready = start + size / Math.min(way.bandwidth, bandwidth) + way.delayMs + late()
      lastReady = Math.max(lastReady, ready)
      buffered += size
      if (buffered > HIGH_WATER_BYTES) full = true
      const bytes = damaged && typeof data !== 'string' ? spoil(data) : data
      if (typeof data !== 'string') damaged = false
      queue.push({ data: bytes, ready: lastReady, size })
      next()
    },
    stall(forMs) {
      stalledUntil = Math.max(stalledUntil, clock.now() + forMs)
    },
    damage() {
      damaged = true
    },
    replay() {
      if (remembered.length === 0 || lost) return false
      const data = chance.one(remembered)
      clock.after(chance.below(1000), () => {
        if (!lost) options.take(data)
      })
      return true
    },
    slow(to) {
      bandwidth = to
    },
    mend() {
      bandwidth = Infinity
      stalledUntil = 0
      damaged = false
      lastReady = clock.now() + way.delayMs
      for (const message of queue) message.ready = Math.min(message.ready, lastReady)
      waiting?.()
      waiting = undefined
      next()
    },
    drop() {
      lost = true
      queue.length = 0
      buffered = 0
    },
  }
}
