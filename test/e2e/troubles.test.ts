/** People edit the same document in two browsers through a relay, while the network comes and goes and the relay is killed. */
import { describe, test } from 'vitest'
import { launchPages } from '../support/pages.ts'
import { seedOfTest } from '../support/seed.ts'
import { survivesTroubles } from '../support/troubles.ts'

const TROUBLES = 25

const { browser, pages } = await launchPages()

describe('everything at once', () => {
  test(`[P1][P2][P6] ${TROUBLES} troubles of networks, relay and tabs lose nothing and part nobody`, async () => {
    await survivesTroubles(browser, pages, seedOfTest(), TROUBLES)
  })
})
