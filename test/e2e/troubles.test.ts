/** People edit the same document in two browsers through a relay, while the network comes and goes and the relay is killed. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { buildPages } from '../support/pages.ts'
import { seedOfTest } from '../support/seed.ts'
import { survivesTroubles } from '../support/troubles.ts'

const TROUBLES = 25

let browser: Browser
let pages: string
beforeAll(async () => {
  browser = await launchBrowser()
  pages = await buildPages()
})
afterAll(() => browser.close())

describe('everything at once', () => {
  test(`[P1][P2][P6] ${TROUBLES} troubles of networks, relay and tabs lose nothing and part nobody`, async () => {
    await survivesTroubles(browser, pages, seedOfTest(), TROUBLES)
  })
})
