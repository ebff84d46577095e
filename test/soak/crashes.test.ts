/** The crashes and troubles of the e2e tests, many times. */
import { beforeAll, describe, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { browserSurvivesCrashes } from '../support/browser-crash.ts'
import { cleanUp } from '../support/lifetime.ts'
import { buildPages } from '../support/pages.ts'
import { relaySurvivesCrashes } from '../support/relay-crash.ts'
import { seedOfTest } from '../support/seed.ts'
import { survivesTroubles } from '../support/troubles.ts'

const KILLS = 200
const TROUBLES = 1_000

let pages: string
beforeAll(async () => {
  pages = await buildPages()
})

describe(`${KILLS} times kill -9`, () => {
  test('[P2] of Chromium: every edit with receipt device survives it', async () => {
    await browserSurvivesCrashes(pages, seedOfTest(), KILLS)
  })

  test('[P2] of the relay: every edit with receipt relay survives it', async () => {
    await relaySurvivesCrashes(seedOfTest(), KILLS)
  })
})

test(`[P1][P2][P6] ${TROUBLES} troubles of networks, relay and tabs lose nothing and part nobody`, async () => {
  const browser = await launchBrowser()
  cleanUp(() => browser.close())
  await survivesTroubles(browser, pages, seedOfTest(), TROUBLES)
})
