/**
 * A browser that is killed in the middle of a stream of edits, with its profile on disk, again and again: short in the
 * tests, long in the soak. Tokens that were told as `device` are noted outside of the browser.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { killBrowser, launchPersistent } from './browser.ts'
import { cleanUp, temporaryFolder, until } from './lifetime.ts'
import { startNetworkProxy } from './network-proxy.ts'
import { openPage } from './pages.ts'
import { openPerson, type PersonOptions } from './person.ts'
import { type Random, seeded } from './random.ts'
import { startRelayProcess } from './relay-process.ts'

/** Between two edits; the store writes what is typed within 4 ms together. */
const PAUSES_MS = [0, 1, 5, 20]

/** A browser with its profile in `folder`; it is killed after the test, if it still lives. */
export async function launchProfile(folder: string): Promise<BrowserContext> {
  const context = await launchPersistent(folder)
  cleanUp(async () => {
    if (context.browser()?.isConnected()) await killBrowser(context)
  })
  return context
}

/**
 * Kills it `kills` times, every second time while there is no network, so that some edits are sealed and some are not.
 * Afterwards everything is at the relay, once.
 */
export async function browserSurvivesCrashes(pages: string, seed: number, kills: number): Promise<void> {
  const random = seeded(seed)
  const relay = await startRelayProcess({ pages })
  const network = await startNetworkProxy(relay.port)
  const profile = temporaryFolder()
  const told = new Set<string>()
  const options = { relay: network.socketUrl }

  for (let kill = 0; kill < kills; kill++) {
    if (kill % 2 === 0) network.mend()
    else network.cut()
    const { browser, page } = await start(profile, relay.url, options, told)
    expect(await lostIn(page, told), `before kill ${kill}, seed ${seed}: ${await stateOf(page)}`).toEqual([])
    await writeFor(page, `round-${kill}`, told, random)
    await killBrowser(browser)
  }

  network.mend()
  const { page } = await start(profile, relay.url, options, told)
  expect(await lostIn(page, told), `in the end, seed ${seed}: ${await stateOf(page)}`).toEqual([])
  await page.evaluate(() => window.me.saved('relay'))
  const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  cleanUp(() => fresh.leave())
  await fresh.note.whenSynced
  expect(fresh.json()).toBe(await page.evaluate(() => window.me.json()))
  const tokens = fresh.tokens()
  expect(tokens.filter((token, at) => tokens.indexOf(token) !== at)).toEqual([])
}

async function start(profile: string, url: string, options: PersonOptions, told: Set<string>) {
  const browser = await launchProfile(profile)
  await browser.exposeFunction('told', (token: string) => told.add(token))
  return { browser, page: await openPage(browser, url, options) }
}

async function lostIn(page: Page, told: ReadonlySet<string>): Promise<string[]> {
  const there = new Set(await page.evaluate(() => window.me.tokens()))
  return [...told].filter((token) => !there.has(token))
}

/** What the page says of itself, and the databases it finds. */
const stateOf = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const databases = (await indexedDB.databases()).map(({ name, version }) => `${name} ${version}`)
    return JSON.stringify([window.errors, window.me.status(), window.me.tokens().length, databases])
  })

/** Until some of what is written now was told; then for as long as chance decides. */
async function writeFor(page: Page, name: string, told: ReadonlySet<string>, random: Random): Promise<void> {
  const enough = told.size + 5 + random(100)
  const pauseMs = PAUSES_MS[random(PAUSES_MS.length)] ?? 0
  await page.evaluate(
    ([of, pause]) => void window.me.keepWriting(of, pause, 'device', (token) => window.told?.(token)),
    [name, pauseMs] as const,
  )
  await until('edits are told as saved', () => told.size >= enough)
}
