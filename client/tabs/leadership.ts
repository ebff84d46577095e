/**
 * Which of the tabs of a replica leads: the one that holds the lock. A leader that is closed or crashes loses it, and the next in
 * the queue has it at once. One that hangs keeps it: those who follow ask it for a sign of life while somebody looks at them,
 * and take the lock away after a second and a half of silence. A tab that goes to sleep gives it back by itself.
 *
 *            join               granted, taken
 *   away ----------> following ----------------> leading
 *        <----------           <----------------
 *            leave              stolen, fenced
 *
 * It knows nothing of what a leader does.
 */
import { type Environment, randomFraction } from '../../shared/environment.ts'
import type { Locks } from './locks.ts'

/** `away`: not in the race, as it is asleep or stays offline by choice. */
export type Role = 'away' | 'following' | 'leading'

export interface LeadershipOptions {
  name: string
  /** None: every tab leads. */
  locks: Locks | undefined
  environment: Environment
  /** Asks the leader for a sign of life. */
  ask(): void
  /** Whether somebody would notice that the leader is silent. */
  isWatched(): boolean
  changed(role: Role): void
}

export interface Leadership {
  readonly role: Role
  /** Enters the race. Idempotent. */
  join(): void
  /** Steps down, and does not follow either. Idempotent. */
  leave(): void
  /** The leader gave a sign of life. */
  heard(): void
  /** What it did as the leader was refused, as another tab has begun to lead. It stands again. */
  fenced(): void
}

/** Between two looks at the leader. */
const LOOK_EVERY_MS = 450
/** Looks in a row at a silent leader, before the lock is taken: with the time to the first look less than 2 s. */
const SILENT_LOOKS_MAX = 3
/** A look that is later than this comes after a sleep; timers of a hidden page, or of a busy one, are not that late. */
const SLEPT_MS = 5_000
/** Followers that lose patience at once take turns; the first one's sign of life stops the others. */
const TURNS_MS = 150

export function createLeadership(options: LeadershipOptions): Leadership {
  const { name, locks, environment, ask, isWatched } = options
  let role: Role = 'away'
  /** Counts requests for the lock: what an older one says is nothing to this one. */
  let request = 0
  let giveBack: (() => void) | undefined
  let withdraw: (() => void) | undefined
  let cancelLook: (() => void) | undefined
  let silent = 0
  let lookedAt = 0

  function become(next: Role): void {
    if (role === next) return
    role = next
    cancelLook?.()
    cancelLook = undefined
    silent = 0
    if (role === 'following') watch()
    options.changed(role)
  }

  /** Queues for the lock, or takes it. */
  function stand(steal: boolean): void {
    if (locks === undefined) return become('leading')
    letGo()
    const mine = ++request
    const waiting = new AbortController()
    withdraw = () => waiting.abort()
    const held = (): Promise<void> => {
      if (mine !== request) return Promise.resolve()
      withdraw = undefined
      return new Promise((resolve) => {
        giveBack = resolve
        become('leading')
      })
    }
    // It is rejected when the lock is taken away, or the request was withdrawn: then it is not the newest one.
    locks.request(name, steal ? { steal } : { signal: waiting.signal }, held).catch(() => {
      if (mine !== request) return
      giveBack = undefined
      become('following')
      stand(false)
    })
  }

  function letGo(): void {
    request++
    giveBack?.()
    giveBack = undefined
    withdraw?.()
    withdraw = undefined
  }

  function watch(): void {
    lookedAt = environment.now()
    cancelLook = environment.setTimer(look, LOOK_EVERY_MS)
  }

  function look(): void {
    const now = environment.now()
    // Whoever was asleep itself has not listened.
    const slept = Math.abs(now - lookedAt) > SLEPT_MS
    if (slept || !isWatched()) silent = 0
    if (silent >= SILENT_LOOKS_MAX) {
      cancelLook = environment.setTimer(take, randomFraction(environment) * TURNS_MS)
      return
    }
    if (isWatched()) {
      silent++
      ask()
    }
    watch()
  }

  function take(): void {
    if (silent < SILENT_LOOKS_MAX) return watch()
    silent = 0
    stand(true)
    watch()
  }

  return {
    get role() {
      return role
    },
    join() {
      if (role !== 'away') return
      if (locks !== undefined) become('following')
      stand(false)
    },
    leave() {
      if (role === 'away') return
      letGo()
      become('away')
    },
    heard() {
      silent = 0
    },
    fenced() {
      if (role !== 'leading' || locks === undefined) return
      letGo()
      become('following')
      stand(false)
    },
  }
}
