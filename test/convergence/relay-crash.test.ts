/** `kill -9` of the relay while people type: what it has acknowledged is there (P2), and everybody comes back. */
import { describe, test } from 'vitest'
import { relaySurvivesCrashes } from '../support/relay-crash.ts'
import { seedOfTest } from '../support/seed.ts'

const KILLS = 20

describe('kill -9 of the relay', () => {
  test(`[P2] every edit with receipt relay survives it, ${KILLS} times in the middle of a stream`, async () => {
    await relaySurvivesCrashes(seedOfTest(), KILLS)
  })
})
