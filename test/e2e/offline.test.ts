/** Pages without network: people go on, a page that is opened again has it all, and both sides join when it is back. */
import type { BrowserContext, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { type NetworkProxy, startNetworkProxy } from '../support/network-proxy.ts'
import { begin, jsonOf, launchPages, openPage } from '../support/pages.ts'
import { openPerson, type Person } from '../support/person.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'
import { seedOfTest } from '../support/seed.ts'

const EDITS = 1_000

const { browser, pages } = await launchPages()

describe('a page without network', () => {
  test(`[P2][P6] ${EDITS} edits offline on each side, a reload in between, and both converge`, async () => {
    const seed = seedOfTest()
    const relay = await startRelayProcess({ pages })
    const network = await startNetworkProxy(relay.port)
    const options = { relay: network.socketUrl }
    const [alice, bob] = [await newProfile(), await newProfile()]
    const alicePage = await openPage(alice, relay.url, options)
    const bobPage = await openPage(bob, relay.url, options)
    await editPage(alicePage, seed, 50)
    await editPage(bobPage, seed + 1, 50)
    await allEqual([alicePage, bobPage])

    await goOffline(network, [alice, bob])
    const made: number[] = []
    for (const [index, page] of [alicePage, bobPage].entries()) {
      await until('the page notices', async () => (await statusOf(page)).connection !== 'synced')
      // Some steps change nothing.
      const count = await editPage(page, seed + 10 + index, EDITS * 1.3)
      await page.evaluate(() => window.me.saved('device'))
      expect(await statusOf(page)).toMatchObject({ receipt: 'device', unacknowledged: count, storage: 'ok' })
      made.push(count)
    }
    expect(Math.min(...made)).toBeGreaterThanOrEqual(EDITS)
    const before = await jsonOf(alicePage)
    expect(await jsonOf(bobPage)).not.toBe(before)

    // The page's files come again, its socket does not.
    await alice.setOffline(false)
    await alicePage.reload()
    await begin(alicePage, options)
    expect(await jsonOf(alicePage)).toBe(before)
    expect(await statusOf(alicePage)).toMatchObject({ receipt: 'device', unacknowledged: made[0], storage: 'ok' })

    await goOnline(network, [alice, bob])
    for (const page of [alicePage, bobPage]) await page.evaluate(() => window.me.saved('relay'))
    await allEqual([alicePage, bobPage])
    for (const page of [alicePage, bobPage]) {
      await until('all is acknowledged', async () => (await statusOf(page)).connection === 'synced')
      expect(await statusOf(page)).toMatchObject({ receipt: 'relay', unacknowledged: 0 })
      expect(await page.evaluate(() => window.errors)).toEqual([])
    }
    const fresh = await freshPerson(relay)
    expect(fresh.json()).toBe(await jsonOf(alicePage))
  })

  test('[P2] a page that is closed offline and opened again in another tab has its edits', async () => {
    const seed = seedOfTest()
    const relay = await startRelayProcess({ pages })
    const network = await startNetworkProxy(relay.port)
    const profile = await newProfile()
    const page = await openPage(profile, relay.url, { relay: network.socketUrl })
    await goOffline(network, [profile])
    const count = await editPage(page, seed, 300)
    await page.evaluate(() => window.me.saved('device'))
    const before = await jsonOf(page)
    await page.close()

    await profile.setOffline(false)
    const again = await openPage(profile, relay.url, { relay: network.socketUrl })
    expect(await jsonOf(again)).toBe(before)
    expect(await statusOf(again)).toMatchObject({ receipt: 'device', unacknowledged: count })
    await goOnline(network, [profile])
    await again.evaluate(() => window.me.saved('relay'))
    expect((await freshPerson(relay)).json()).toBe(before)
  })

  test('[P2][P6] edits of a page that never saw a relay reach one', async () => {
    const seed = seedOfTest()
    const relay = await startRelayProcess({ pages })
    const network = await startNetworkProxy(relay.port)
    network.cut()
    const profile = await newProfile()
    const page = await openPage(profile, relay.url, { relay: network.socketUrl })
    const count = await editPage(page, seed, 300)
    await page.evaluate(() => window.me.saved('device'))
    expect(await statusOf(page)).toMatchObject({ receipt: 'device', unacknowledged: count })

    await goOnline(network, [profile])
    await page.evaluate(() => window.me.saved('relay'))
    expect((await freshPerson(relay)).json()).toBe(await jsonOf(page))
  })

  test('[P2] documents that are not open travel as well, both ways', async () => {
    const relay = await startRelayProcess({ pages })
    const network = await startNetworkProxy(relay.port)
    const [alice, bob] = [await newProfile(), await newProfile()]
    const options = { relay: network.socketUrl }
    const bobPage = await openPage(bob, relay.url, { ...options, document: 'notes/of bob' })
    const alicePage = await openPage(alice, relay.url, { ...options, document: 'notes/of alice' })
    await goOffline(network, [alice, bob])
    await alicePage.evaluate(() => window.me.write('offline'))
    await alicePage.evaluate(() => window.me.saved('device'))
    await alice.setOffline(false)
    await alicePage.reload()
    // The document with the edit stays closed from here on.
    await begin(alicePage, { ...options, document: 'notes/another' })

    await goOnline(network, [alice, bob])
    const known = () => bobPage.evaluate(() => window.me.workspace.documents.get())
    await until('Bob knows the document', async () => (await known()).includes('notes/of alice'))
    await until('nothing is left', async () => {
      const { unacknowledged } = await alicePage.evaluate(() => window.me.workspaceStatus())
      return unacknowledged === 0
    })
    const synced = () => bobPage.evaluate(() => window.me.workspaceStatus())
    await until('Bob has everything', async () => (await synced()).connection === 'synced')
    await goOffline(network, [alice, bob])
    await bob.setOffline(false)
    await bobPage.reload()
    await begin(bobPage, { ...options, document: 'notes/of alice' })
    expect(await bobPage.evaluate(() => window.me.tokens())).toEqual(['offline'])
  })
})

describe('a page whose code for connections cannot be fetched', () => {
  test.each(['relaying', 'acting'])(
    '[P5][P6] as after a deploy: %s is missed and said so, edits are stored, and sent when the page is loaded anew',
    async (chunk) => {
      const relay = await startRelayProcess({ pages })
      const profile = await newProfile()
      let refused = 0
      await profile.route(`**/assets/${chunk}-*.js`, (route) => {
        refused++
        return route.fulfill({ status: 404 })
      })
      const page = await openPage(profile, relay.url, { relay: relay.socketUrl })
      const count = await editPage(page, seedOfTest(), 100)
      await page.evaluate(() => window.me.saved('device'))
      const status = () => page.evaluate(() => window.me.workspaceStatus())
      await until('it is said', async () => (await status()).error?.code === 'not-loaded')
      expect(refused).toBeGreaterThan(0)
      expect(await statusOf(page)).toMatchObject({ receipt: 'device', unacknowledged: count, storage: 'ok' })
      const told = await page.evaluate(() => window.errors)
      expect(told.filter((error) => !error.includes('not-loaded'))).toEqual([])

      await profile.unroute(`**/assets/${chunk}-*.js`)
      const before = await jsonOf(page)
      await page.reload()
      await begin(page, { relay: relay.socketUrl })
      expect(await jsonOf(page)).toBe(before)
      await page.evaluate(() => window.me.saved('relay'))
      expect((await freshPerson(relay)).json()).toBe(before)
      expect(await page.evaluate(() => window.errors)).toEqual([])
    },
  )
})

describe('a document that was folded', () => {
  test('[P5][P6] is opened without a relay by the one file that inflates, and waits for it where that is missed', async () => {
    const relay = await startRelayProcess({ pages })
    const author = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
    cleanUp(() => author.leave())
    const tokens = Array.from({ length: 3 }, (_, index) => `${index} ${'x'.repeat(200_000)}`)
    for (const token of tokens) {
      author.write(token)
      await author.saved('relay')
    }
    const profile = await newProfile()
    const page = await openPage(profile, relay.url, { relay: relay.socketUrl })
    const shown = () => page.evaluate(() => window.me.tokens().length)
    await until('it is here', async () => (await shown()) === tokens.length)
    await until('it is folded', async () => (await countCheckpoints(page)) > 0)

    const loaded: string[] = []
    page.on('request', (request) => loaded.push(new URL(request.url()).pathname))
    await page.reload()
    await begin(page, {})
    expect(await page.evaluate(() => window.me.tokens())).toEqual(tokens)
    const isLoaded = (name: string) => loaded.some((path) => path.startsWith(`/assets/${name}-`))
    expect([isLoaded('inflating'), isLoaded('relaying')]).toEqual([true, false])

    await profile.route('**/assets/inflating-*.js', (route) => route.fulfill({ status: 404 }))
    await page.reload()
    const trouble = await page.evaluate(async () => {
      const workspace = await window.openWorkspace({ id: 'acme' })
      workspace.open('notes/today')
      return new Promise((resolve) => {
        workspace.status.subscribe(({ trouble: now }) => now !== undefined && resolve(now.code))
      })
    })
    expect(trouble).toBe('not-loaded')
    await profile.unroute('**/assets/inflating-*.js')
    await page.reload()
    await begin(page, {})
    expect(await page.evaluate(() => window.me.tokens())).toEqual(tokens)
  })
})

const countCheckpoints = (page: Page): Promise<number> =>
  page.evaluate(async () => (await window.rows('checkpoints')).length)

async function newProfile(): Promise<BrowserContext> {
  const context = await browser.newContext()
  cleanUp(() => context.close())
  return context
}

/** The browser says so, and open sockets end, as when a cable is pulled. */
async function goOffline(network: NetworkProxy, profiles: readonly BrowserContext[]): Promise<void> {
  for (const profile of profiles) await profile.setOffline(true)
  network.cut()
}

/** The browser's `online` event is what makes a page hurry; it is fired where the browser was online already, too. */
async function goOnline(network: NetworkProxy, profiles: readonly BrowserContext[]): Promise<void> {
  network.mend()
  for (const profile of profiles) {
    await profile.setOffline(true)
    await profile.setOffline(false)
  }
}

const editPage = (page: Page, seed: number, count: number): Promise<number> =>
  page.evaluate(([given, steps]) => window.me.edit(given, steps), [seed, count] as const)

const statusOf = (page: Page) => page.evaluate(() => window.me.status())

async function allEqual(those: readonly Page[]): Promise<void> {
  const all = () => Promise.all(those.map(jsonOf))
  await until('all are equal', async () => new Set(await all()).size === 1, { seen: all })
}

async function freshPerson(relay: RelayProcess): Promise<Person> {
  const person = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  cleanUp(() => person.leave())
  await person.note.whenSynced
  return person
}
