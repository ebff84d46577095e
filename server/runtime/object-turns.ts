/**
 * The turns of a Durable Object: an event is taken, what it brought is committed, and what its sockets go on from is taken down.
 * Whatever is not taken down then is gone when the platform lets the object sleep.
 */
import type { Environment } from '../../shared/environment.ts'
import { TICK_EVERY_MS } from '../relay/limits.ts'

export interface ObjectTurns {
  /** What one event brings: it is committed, or a timer is set for that, and what sockets go on from is taken down. */
  turn(act: () => void): void
  /** Commits at the end of the turn, or soon after it. */
  soon(commit: () => void): void
  /** Some seconds have passed; where turns come often they see to that themselves. */
  tick(): void
}

export interface ObjectTurnsOptions {
  /** Whose timers begin no turn by themselves. */
  environment: Pick<Environment, 'now' | 'setTimer'>
  tick(): void
  committed(): void
  /** Takes down what sockets go on from. */
  keep(): void
}

/** Commits of one object are at least so far apart: each costs a row for every document in it, beside those of its records. */
const COMMIT_EVERY_MS = 20

export function createObjectTurns(options: ObjectTurnsOptions): ObjectTurns {
  const { now, setTimer } = options.environment
  /** Commits that wait for the end of the turn. */
  let commits: (() => void)[] = []
  let inTurn = false
  let isCommitting = false
  let committedAt = Number.NEGATIVE_INFINITY
  let tickedAt = now()

  function turn(act: () => void): void {
    inTurn = true
    try {
      if (Math.abs(now() - tickedAt) >= TICK_EVERY_MS) tick()
      act()
    } finally {
      inTurn = false
      if (commits.length > 0) commitInTime()
      options.keep()
    }
  }

  /** At once, or where many write together with what others write. */
  function commitInTime(): void {
    const waitMs = COMMIT_EVERY_MS - Math.abs(now() - committedAt)
    if (waitMs <= 0) return commit()
    if (isCommitting) return
    isCommitting = true
    setTimer(() => turn(commit), waitMs)
  }

  function commit(): void {
    isCommitting = false
    committedAt = now()
    const those = commits
    commits = []
    for (const each of those) each()
    options.committed()
  }

  function tick(): void {
    tickedAt = now()
    options.tick()
  }

  return {
    turn,
    tick,
    soon(each) {
      commits.push(each)
      if (!inTurn) queueMicrotask(() => turn(() => {}))
    },
  }
}
