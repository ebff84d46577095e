/** What this replica may do at the relay, and its token there: a newer one is sent well before the old one ends. */
import { type Environment, randomFraction } from '../../shared/environment.ts'
import { isAtLeast, type Role } from '../../shared/roles.ts'
import type { Access, Message } from '../../shared/wire/messages.ts'

export interface Permission {
  /** What is sent of documents is taken; so it seems until the relay says otherwise. */
  readonly canWrite: boolean
  /** The relay goes by who wrote what: it takes nobody else's content from here under no name. */
  readonly isOwned: boolean
  /** What the relay says of it. */
  take(access: Access): void
  /** Idempotent. */
  close(): void
}

export interface PermissionOptions {
  environment: Environment
  /** A newer token; absent where there is only one. */
  renew?: () => Promise<string>
  put(message: Message): void
  permitted(role: Role): void
}

/** The part of a token's life after which a newer one is asked for, the least and the most: not all clients at once. */
const RENEW_AFTER = { least: 0.7, most: 0.85 }
/** Where that fails it is tried again after this part of what is left. */
const RENEW_AGAIN_AFTER = 0.25
/** But not sooner: an app that has no token to give is asked a few times, and then the relay ends it. */
const RENEW_MS_MIN = 1_000
/** What timers take: later ends are looked at again then. */
const TIMER_MS_MAX = 2 ** 31 - 1

export function createPermission({ environment, renew, put, permitted }: PermissionOptions): Permission {
  let role: Role = 'admin'
  let isOwned = false
  let endsAt = 0
  let over = false
  let cancel = (): void => {}

  function plan(afterMs: number): void {
    cancel()
    if (!over) cancel = environment.setTimer(ask, Math.min(Math.max(afterMs, RENEW_MS_MIN), TIMER_MS_MAX))
  }

  function ask(): void {
    if (renew === undefined) return
    renew().then(
      (token) => {
        if (over) return
        put({ type: 'token', token })
        again()
      },
      // The relay says when it is too late.
      again,
    )
  }

  /** Until the relay has answered. */
  function again(): void {
    const leftMs = endsAt - environment.now()
    if (leftMs > RENEW_MS_MIN) plan(leftMs * RENEW_AGAIN_AFTER)
  }

  return {
    get canWrite() {
      return isAtLeast(role, 'write')
    },
    get isOwned() {
      return isOwned
    },
    take({ role: now, expiresInMs }) {
      role = now
      isOwned = true
      permitted(now)
      cancel()
      endsAt = environment.now() + expiresInMs
      if (expiresInMs === 0) return
      const { least, most } = RENEW_AFTER
      plan(expiresInMs * (least + randomFraction(environment) * (most - least)))
    },
    close() {
      over = true
      cancel()
    },
  }
}
