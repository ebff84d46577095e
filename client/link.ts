/**
 * The connection of a workspace, also before the code for it is there: that is loaded when this tab is to connect for the first
 * time. What cannot be loaded, as without a network or where the app was deployed anew, is tried again with the pauses of a
 * connection, and told meanwhile; edits wait on this device as they do for a relay (P5, P6).
 */
import { backoff } from '../shared/backoff.ts'
import type { Environment } from '../shared/environment.ts'
import { type ErrorCode, toRejoinError } from '../shared/errors.ts'
import type { Connector } from './connection/connector.ts'

export interface LinkOptions {
  environment: Environment
  /** Loads the code, and makes the connection with it. */
  load(): Promise<Connector>
  changed(state: 'offline' | 'connecting', error?: { code: ErrorCode; detail: string }): void
  /** The code could not be loaded, and it is time to try again: another tab may have it. */
  again(): void
  report(error: unknown): void
}

export type Link = Pick<Connector, 'conversation' | 'tick' | 'connect' | 'disconnect'>

export function createLink({ environment, load, changed, again, report }: LinkOptions): Link {
  let connector: Connector | undefined
  let wanted = false
  let isLoading = false
  let failures = 0
  let cancelAgain: (() => void) | undefined

  async function begin(): Promise<void> {
    isLoading = true
    changed('connecting')
    try {
      connector = await load()
      if (wanted) connector.connect()
    } catch (error) {
      const problem = toRejoinError(error, 'storage-failed', 'the connection cannot be made')
      if (failures === 0) report(problem)
      if (!wanted) return
      changed('offline', { code: problem.code, detail: problem.detail })
      cancelAgain = environment.setTimer(
        () => {
          cancelAgain = undefined
          again()
        },
        backoff(environment, failures++),
      )
    } finally {
      isLoading = false
    }
  }

  return {
    get conversation() {
      return connector?.conversation
    },
    tick: () => connector?.tick(),
    connect() {
      wanted = true
      if (connector !== undefined) connector.connect()
      else if (!isLoading && cancelAgain === undefined) void begin()
    },
    disconnect() {
      wanted = false
      cancelAgain?.()
      cancelAgain = undefined
      connector?.disconnect()
    },
  }
}
