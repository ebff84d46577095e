/** Web Locks in virtual time: a process that dies loses what it held, one that is frozen keeps it until somebody takes it. */
import type { Chance } from '../time/chance.ts'
import type { Clock } from '../time/clock.ts'
import type { Process, Running } from '../time/process.ts'

const DELAY_MS = 3

interface Options {
  steal?: boolean
  signal?: AbortSignal
}

interface Wanted {
  readonly process: Process
  readonly held: () => Promise<void>
  /** `lateMs`: how much later than usual its code hears of it. */
  settle(outcome: 'given back' | 'taken' | 'withdrawn', lateMs?: number): void
}

export interface SimulatedLocks {
  /**
   * Somebody takes the lock and lets go of it at once: it goes to the next who waits for it. Whoever had it runs on, and hears of it
   * so much later than usual. Says whether anybody had it.
   */
  steal(name: string, lateMs: number): boolean
  /** Puts the platform's back. */
  restore(): void
}

/** Puts simulated locks in the place of the platform's. */
export function installLocks(clock: Clock, chance: Chance, running: Running): SimulatedLocks {
  const holders = new Map<string, Wanted>()
  const queues = new Map<string, Wanted[]>()

  function request(name: string, options: Options, held: () => Promise<void>): Promise<void> {
    const { process } = running
    if (process === undefined) return Promise.reject(new Error('nobody asks for a lock'))
    return new Promise((resolve, reject) => {
      let over = false
      const wanted: Wanted = {
        process,
        held,
        settle(outcome, lateMs = 0) {
          if (over) return
          over = true
          forget()
          const finish = outcome === 'given back' ? resolve : () => reject(new DOMException(outcome, 'AbortError'))
          clock.after(chance.below(DELAY_MS) + lateMs, () => process.run(finish))
        },
      }
      const leave = (): void => {
        queues.set(
          name,
          (queues.get(name) ?? []).filter((each) => each !== wanted),
        )
        if (holders.get(name) === wanted) release(name, wanted)
      }
      const forget = process.onKilled(leave)
      options.signal?.addEventListener('abort', () => {
        if (holders.get(name) === wanted) return
        leave()
        wanted.settle('withdrawn')
      })
      if (options.steal) take(name, wanted)
      else {
        queues.set(name, [...(queues.get(name) ?? []), wanted])
        grantNext(name)
      }
    })
  }

  function take(name: string, wanted: Wanted): void {
    const before = holders.get(name)
    hold(name, wanted)
    before?.settle('taken')
  }

  function hold(name: string, wanted: Wanted): void {
    holders.set(name, wanted)
    clock.after(chance.below(DELAY_MS), () =>
      wanted.process.run(() => {
        if (holders.get(name) !== wanted) return
        void wanted.held().finally(() => {
          wanted.settle('given back')
          release(name, wanted)
        })
      }),
    )
  }

  function release(name: string, wanted: Wanted): void {
    if (holders.get(name) !== wanted) return
    holders.delete(name)
    grantNext(name)
  }

  function grantNext(name: string): void {
    if (holders.has(name)) return
    const [next, ...rest] = queues.get(name) ?? []
    queues.set(name, rest)
    if (next !== undefined) hold(name, next)
  }

  const { navigator } = globalThis as { navigator: object }
  Object.defineProperty(navigator, 'locks', { value: { request }, configurable: true })
  return {
    steal(name, lateMs) {
      const holder = holders.get(name)
      if (holder === undefined) return false
      holder.settle('taken', lateMs)
      release(name, holder)
      return true
    },
    restore: () => void Reflect.deleteProperty(navigator, 'locks'),
  }
}
