/**
 * A browser that is killed in the middle of a stream of edits, with its profile on disk, again and again: short in the
 * tests, long in the soak. Tokens that were told as `device` are noted outside of the browser.
 *
 * A kill may cut a write of Chromium's own into its database in two. It opens that once more and appends to it; at the next
 * start it takes it for damaged and throws away all that the origin stored. No page can do anything about that, so a database
 * that is none of ours stands witness: where that is gone too, nothing is asked of what was told before.
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
  let thrownAway = 0
  const options = { relay: network.socketUrl }

  for (let kill = 0; kill < kills; kill++) {
    if (kill % 2 === 0) network.mend()
    else network.cut()
    const { browser, page } = await start(profile, relay.url, options, told)
    if (!(await hasWitness(page)) && kill > 0) {
      console.log(`before kill ${kill}, seed ${seed}: Chromium threw away what the origin stored`)
      told.clear()
      thrownAway++
    }
    expect(thrownAway, 'times that the browser threw everything away').toBeLessThanOrEqual(Math.ceil(kills / 5))
    expect(await lostIn(page, told), `before kill ${kill}, seed ${seed}: ${await stateOf(page)}`).toEqual([])
    await writeFor(page, `round-${kill}`, told, random)
    await killBrowser(browser)
  }

  network.mend()
  const { page } = await start(profile, relay.url, options, told)
  if (!(await hasWitness(page))) told.clear()
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

/** Whether the witness of an earlier start is there; there is one from now on. */
const hasWitness = (page: Page): Promise<boolean> =>
  page.evaluate(
    () =>
      new Promise<boolean>((resolve, reject) => {
        const opening = indexedDB.open('witness')
        opening.onupgradeneeded = () => opening.result.createObjectStore('rows')
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('rows', 'readwrite', { durability: 'strict' })
          const rows = transaction.objectStore('rows')
          const count = rows.count()
          rows.put('here', 'witness')
          transaction.oncomplete = () => {
            opening.result.close()
            resolve(count.result > 0)
          }
          transaction.onerror = () => reject(transaction.error)
        }
      }),
  )

/** What the page says of itself, and how many rows its databases have. */
const stateOf = (page: Page): Promise<string> =>
  page.evaluate(async () => {
    const counts: Record<string, number> = {}
    for (const { name = '', version } of await indexedDB.databases()) {
      const database = await done(indexedDB.open(name))
      for (const store of database.objectStoreNames) {
        counts[`${name} ${version} ${store}`] = await done(database.transaction(store).objectStore(store).count())
      }
      database.close()
    }
    return JSON.stringify([window.errors, window.me.status(), window.me.tokens().length, counts])

    function done<T>(request: IDBRequest<T>): Promise<T> {
      return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    }
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
