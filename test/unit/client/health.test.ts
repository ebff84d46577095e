import { expect, it } from 'vitest'
import { createHealth } from '../../../client/connection/health.ts'

/** Chance at its highest: a pause is as long as it may be. */
function createWorld(urls: readonly string[]) {
  let now = 1_000_000
  const environment = {
    now: () => now,
    randomBytes: (length: number) => new Uint8Array(length).fill(255),
    setTimer: () => () => {},
  }
  function wait(ms: number): void {
    now += ms
  }
  return { health: createHealth(urls, environment), wait }
}

it('[P6] another relay is tried soon where one fails, and that one again when its time has come', () => {
  const { health, wait } = createWorld(['a', 'b', 'c'])
  for (const [i, url] of ['a', 'b', 'c'].entries()) {
    expect(health.next()).toEqual({ url, delayMs: i === 0 ? 0 : 20 })
    wait(20)
    health.dialled(url)
    health.ended(url, 0)
    wait(229)
  }
  wait(20)
  expect(health.next()).toEqual({ url: 'a', delayMs: 0 })
  health.dialled('a')
  health.ended('a', 0)
  expect(health.next().url).toBe('b')
  health.dialled('b')
  wait(20_000)
  health.lasted('b')
  health.ended('b', 0)
  expect(health.next().url).toBe('c')
})

it('[P10] a relay of which something is to be fetched again is the next to be tried, once, and not sooner than others would be', () => {
  const { health, wait } = createWorld(['a', 'b'])
  health.dialled('a')
  health.ended('a', 0)
  wait(249)
  health.dialled('b')
  health.lasted('b')
  health.ended('b', 0, true)
  expect(health.next()).toEqual({ url: 'b', delayMs: 249 })
  wait(249)
  health.dialled('b')
  health.ended('b', 0)
  expect(health.next()).toEqual({ url: 'a', delayMs: 250 })
})

it('[P7] pauses grow to half a minute, hold what a relay announces, and are over when the network is back', () => {
  const { health, wait } = createWorld(['a'])
  const pauses: number[] = []
  for (let i = 0; i < 10; i++) {
    health.dialled('a')
    health.ended('a', 0)
    const { delayMs } = health.next()
    pauses.push(delayMs)
    wait(delayMs)
  }
  expect(pauses).toEqual([249, 499, 999, 1999, 3999, 7999, 15999, 29999, 29999, 29999])
  health.forgive()
  expect(health.next().delayMs).toBe(0)
  health.ended('a', 5_000)
  expect(health.next().delayMs).toBe(5_249)
})
