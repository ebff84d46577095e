/** A relay whose clock is put back by an hour: nobody waits an hour for what takes seconds. */
import * as encoding from 'lib0/encoding'
import { expect, test } from 'vitest'
import { atMostOften } from '../../../server/log.ts'
import { createPolling, SESSION_TYPE } from '../../../server/polling.ts'
import { createAwarenessRooms, type Member } from '../../../server/relay/awareness.ts'
import { NOBODY } from '../../../server/relay/connection.ts'
import { joinFrames } from '../../../shared/wire/bodies.ts'
import { refTo } from '../../contract/relay-store.ts'

const HOUR_MS = 3_600_000

test('[P10] a client of plain requests that was slowed down may bring more', async () => {
  let now = HOUR_MS
  const waits: number[] = []
  const polling = createPolling({
    core: { sync: () => NOBODY },
    environment: {
      now: () => now,
      randomBytes: (length) => new Uint8Array(length),
      setTimer(callback, delayMs) {
        waits.push(delayMs)
        queueMicrotask(callback)
        return () => {}
      },
    },
    admit: () => ({ address: '10.0.0.1', spend: () => 5_000, leave() {} }),
  })
  const ask = async (what: string): Promise<number> => {
    const headers = { 'Content-Type': SESSION_TYPE, 'Rejoin-Session': `${'a'.repeat(32)} ${what}` }
    const body = joinFrames([new Uint8Array(0)])
    return (await polling.answer('acme', new Request('http://relay', { method: 'POST', headers, body }), '')).status
  }
  expect([await ask('open 0'), await ask('send 1'), await ask('send 2')]).toEqual([204, 204, 503])
  now -= HOUR_MS
  expect([await ask('send 2'), await ask('send 3')]).toEqual([204, 503])
  expect(waits).toEqual([5_000, 5_000])
})

test('[P5] an event that may come in floods is told again', () => {
  let now = HOUR_MS
  const told: string[] = []
  const log = atMostOften(
    (_, event) => void told.push(event),
    () => now,
  )
  log('info', 'refused')
  log('info', 'refused')
  now -= HOUR_MS
  log('info', 'refused')
  expect(told).toHaveLength(2)
})

test('[P10] who is there is asked to say so where a stock client would take it for gone', () => {
  let now = HOUR_MS
  const note = refTo('note')
  const stateOf = (client: number): Uint8Array =>
    encoding.encode((encoder) => {
      for (const count of [1, client, now]) encoding.writeVarUint(encoder, count)
      encoding.writeVarString(encoder, '{}')
    })
  const rooms = createAwarenessRooms({ now: () => now, setTimer: () => () => {} }, 50)
  let asked = 0
  const own: Member = { send: () => void asked++ }
  const stock: Member = { renews: true, send() {} }
  for (const member of [own, stock]) rooms.enter(note, member)
  rooms.update(note, stateOf(1), own)
  now -= HOUR_MS - 1
  rooms.update(note, stateOf(2), stock)
  // It is shown the stock client, and asked.
  expect(asked).toBe(2)
  rooms.update(note, stateOf(2), stock)
  expect(asked).toBe(2)
})
