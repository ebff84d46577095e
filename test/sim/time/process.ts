/**
 * A process of the simulation: a tab or a relay. Whatever reaches its code comes through here, so that it can be killed at
 * any moment: what is dead never runs again, although its closures still lie about. A frozen one runs later.
 */
import type { Environment } from '../../../shared/environment.ts'
import type { Chance } from './chance.ts'
import type { Clock } from './clock.ts'

export interface Process {
  readonly name: string
  readonly alive: boolean
  /** What its code is given for clock, chance and timers. */
  readonly environment: Environment
  /** Runs code of this process now, or when it thaws, or never if it is dead. */
  run(code: () => void): void
  /** Settles a promise of this process as `result` settles, at an event of its own; never once it is dead. */
  answer<R>(result: Promise<R>, delayMs: number): Promise<R>
  /** Is told when it dies; the returned function forgets the listener. */
  onKilled(listener: () => void): () => void
  kill(): void
  freeze(): void
  thaw(): void
  /** Its clock jumps. */
  skew(byMs: number): void
}

/** The process whose code runs now: what a global of the platform would know. */
export interface Running {
  process: Process | undefined
}

/** Where virtual time begins for clocks of processes: any moment will do. */
const EPOCH_MS = 1_800_000_000_000

export function createProcess(name: string, clock: Clock, chance: Chance, running: Running): Process {
  const killed = new Set<() => void>()
  let alive = true
  let frozen: (() => void)[] | undefined
  let skewed = 0

  const process: Process = {
    name,
    get alive() {
      return alive
    },
    environment: {
      now: () => EPOCH_MS + clock.now() + skewed,
      randomBytes: (length) => chance.bytes(length),
      setTimer(callback, delayMs) {
        let cancelled = false
        // One that came due while the process was frozen waits with the rest, and can still be cancelled: as on every platform.
        const due = (): void => (cancelled ? undefined : callback())
        const cancel = clock.after(Math.ceil(delayMs), () => process.run(due))
        return () => {
          cancelled = true
          cancel()
        }
      },
    },
    run(code) {
      if (!alive) return
      if (frozen !== undefined) return void frozen.push(code)
      running.process = process
      code()
    },
    answer<R>(result: Promise<R>, delayMs: number) {
      return new Promise<R>((resolve, reject) => {
        const settle = (finish: () => void) => clock.after(delayMs, () => process.run(finish))
        result.then(
          (value) => settle(() => resolve(value)),
          (error: unknown) => settle(() => reject(error)),
        )
      })
    },
    onKilled(listener) {
      killed.add(listener)
      return () => killed.delete(listener)
    },
    kill() {
      if (!alive) return
      alive = false
      frozen = undefined
      for (const listener of [...killed]) listener()
    },
    freeze() {
      frozen ??= []
    },
    thaw() {
      // In its order, an event each; what comes meanwhile waits its turn.
      const code = frozen?.shift()
      if (code === undefined) {
        frozen = undefined
        return
      }
      running.process = process
      code()
      clock.after(0, process.thaw)
    },
    skew(byMs) {
      skewed += byMs
    },
  }
  return process
}
