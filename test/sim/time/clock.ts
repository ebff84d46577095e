/**
 * Virtual time: a queue of events, run one after the other. Between two events every promise that can go on does so, until
 * nothing is left to do; then time jumps to the next event. Events of the same moment come in an order that the seed
 * chooses. Nothing here sleeps or looks at a real clock.
 */
import type { Chance } from './chance.ts'

export interface Clock {
  /** Milliseconds of virtual time since the simulation began. */
  now(): number
  /** Runs `callback` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void
  /** Runs events until none is left before `untilMs`, or `done` says so after one of them; time is then at most `untilMs`. */
  run(untilMs: number, done?: () => boolean): Promise<void>
  /** Events that were run. */
  readonly events: number
}

interface Event {
  at: number
  order: number
  callback: (() => void) | undefined
}

/** Events in one millisecond of virtual time: more are a loop that would never let time go on. */
const EVENTS_PER_MS_MAX = 100_000

export function createClock(chance: Chance): Clock {
  const queue: Event[] = []
  let now = 0
  let events = 0
  let busySince = 0

  function run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        try {
          if (!step(untilMs)) resolve()
          else if (events % BREATHE_EVERY === 0) setImmediate(lookAtDone)
          else void RESOLVED.then(soon)
        } catch (error) {
          reject(error)
        }
      }
      const lookAtDone = (): void => {
        try {
          if (!done()) return goOn()
          resolve()
        } catch (error) {
          reject(error)
        }
      }
      const soon = (): void => process.nextTick(lookAtDone)
      void RESOLVED.then(() => process.nextTick(goOn))
    })
  }

  /** Runs the next event until then; false where there is none, and it is then. */
  function step(untilMs: number): boolean {
    for (let next = queue[0]; next !== undefined && next.at <= untilMs; next = queue[0]) {
      pop(queue)
      if (next.callback === undefined) continue
      if (next.at > now) busySince = events
      else if (events - busySince > EVENTS_PER_MS_MAX) throw new Error(`time stands still at ${now} ms`)
      now = next.at
      events++
      next.callback()
      next.callback = undefined
      return true
    }
    now = Math.max(now, untilMs)
    return false
  }

  return {
    now: () => now,
    after(delayMs, callback) {
      const event: Event = { at: now + Math.max(0, delayMs), order: chance.below(2 ** 31), callback }
      push(queue, event)
      return () => {
        event.callback = undefined
      }
    },
    run,
    get events() {
      return events
    },
  }
}

/** Events between two looks of the event loop at the rest of the process, which a test runner and signals need. */
const BREATHE_EVERY = 512

/**
 * To go on when no promise can go on any more: Node calls back for `nextTick` that was asked for in a microtask only when the queue of
 * those is empty, however many more they bring forth. That is about five times cheaper than a turn of the event loop.
 */
const RESOLVED = Promise.resolve()

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** A binary heap, the earliest event first. */
function push(queue: Event[], event: Event): void {
  let at = queue.length
  queue.push(event)
  while (at > 0) {
    const above = (at - 1) >>> 1
    const parent = queue[above] as Event
    if (!isBefore(event, parent)) break
    queue[at] = parent
    at = above
  }
  queue[at] = event
}

function pop(queue: Event[]): void {
  const event = queue.pop()
  if (event === undefined || queue.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= queue.length) break
    if (child + 1 < queue.length && isBefore(queue[child + 1] as Event, queue[child] as Event)) child++
    if (!isBefore(queue[child] as Event, event)) break
    queue[at] = queue[child] as Event
    at = child
  }
  queue[at] = event
}
