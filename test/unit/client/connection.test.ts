/** How a connection ends, and what the client makes of it. */
import { describe, expect, test } from 'vitest'
import type { Dial } from '../../../client/connection/socket.ts'
import type { ErrorCode } from '../../../shared/errors.ts'
import { encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import { until } from '../server/support.ts'
import { impatient, startClient } from './support.ts'

/** A relay that answers every greeting with this failure. Its sockets close as a browser's do: at once, and say so. */
function failing(failure: { code: ErrorCode; detail: string; retryAfterMs: number }) {
  const failed = { dials: 0 }
  const dial: Dial = (_url, handlers) => {
    failed.dials++
    let over = false
    queueMicrotask(() => handlers.opened())
    return {
      send(data) {
        const answer = encodeFrame([encodeMessage({ type: 'failure', ...failure })])
        if (typeof data !== 'string') queueMicrotask(() => over || handlers.received(answer))
      },
      buffered: () => 0,
      close() {
        if (over) return
        over = true
        handlers.closed(1000, 'closed here')
      },
    }
  }
  return { ...failed, dial, count: () => failed.dials }
}

describe('a relay that ends a conversation', () => {
  test('[P5] for good is not dialled again, and status has its code and what it says', async () => {
    const { dial, count } = failing({ code: 'forbidden', detail: 'not you', retryAfterMs: 0 })
    const { workspace, errors } = await startClient(undefined, { relays: ['ws://127.0.0.1:9/'], dial })
    await until('it has ended', () => workspace.status.get().error !== undefined)
    expect(workspace.status.get()).toMatchObject({
      connection: 'offline',
      error: { code: 'forbidden', detail: 'not you' },
    })
    expect(count()).toBe(1)
    expect(errors).toEqual([expect.objectContaining({ code: 'forbidden', detail: 'not you' })])
  })

  test('[P7] for a while is dialled again when it says', async () => {
    const { dial, count } = failing({ code: 'overloaded', detail: 'too many', retryAfterMs: 5_432 })
    const delays: number[] = []
    const environment = {
      ...impatient,
      setTimer(callback: () => void, delayMs: number) {
        delays.push(delayMs)
        return impatient.setTimer(callback, delayMs)
      },
    }
    const { workspace } = await startClient(undefined, { relays: ['ws://127.0.0.1:9/'], dial, environment })
    await until('it waits', () => workspace.status.get().connection === 'offline' && count() > 0)
    // What of it has passed when the timer is set is a few milliseconds; nothing else waits for between three seconds and ten.
    expect(delays.filter((delay) => delay > 3_000 && delay < 10_000)).toEqual([expect.closeTo(5_432, -2)])
    expect(workspace.status.get().error).toBeUndefined()
  })

  test('[P5] is quoted without the remedy that its message came with', async () => {
    const detail = 'not you (forbidden: ask somebody)'
    const { dial } = failing({ code: 'forbidden', detail, retryAfterMs: 0 })
    const { workspace } = await startClient(undefined, { relays: ['ws://127.0.0.1:9/'], dial })
    await until('it has ended', () => workspace.status.get().error !== undefined)
    expect(workspace.status.get().error).toEqual({ code: 'forbidden', detail: 'not you' })
  })
})
