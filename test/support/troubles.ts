/**
 * Everything at once: people write in two browser profiles, one of them with two tabs, and on Node, while networks go and
 * come back, the relay is killed, and pages are reloaded, closed and opened. Chance decides what happens next.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { cleanUp, until } from './lifetime.ts'
import { type NetworkProxy, startNetworkProxy } from './network-proxy.ts'
import { jsonOf, openPage } from './pages.ts'
import { openPerson } from './person.ts'
import { type Random, seeded } from './random.ts'
import { type RelayProcess, startRelayProcess } from './relay-process.ts'

const PAUSE_MS = 5
const TABS = [2, 1]

interface Profile {
  context: BrowserContext
  network: NetworkProxy
  tabs: Page[]
}

/** The world in which it happens. */
interface World {
  random: Random
  relay: RelayProcess
  profiles: Profile[]
  /** Tokens that were told as `device` in a page, as `relay` on Node. */
  told: Set<string>
  pagesOpened: number
  /** What happened, for whoever reads of a failure. */
  story: string[]
}

/** After `steps` troubles everything that was told is there, once, and all replicas are equal. */
export async function survivesTroubles(browser: Browser, pages: string, seed: number, steps: number): Promise<void> {
  const relay = await startRelayProcess({ pages })
  const world: World = { random: seeded(seed), relay, profiles: [], told: new Set(), pagesOpened: 0, story: [] }
  for (const tabs of TABS) await addProfile(world, browser, tabs)
  const network = await startNetworkProxy(relay.port)
  const carol = await openPerson({ relay: network.socketUrl, storage: 'memory' })
  cleanUp(() => carol.leave())
  const writing = carol.keepWriting('carol', PAUSE_MS, 'relay', (token) => world.told.add(token))

  for (let step = 0; step < steps; step++) {
    await trouble(world)
    const enough = world.told.size + 20 + world.random(100)
    await until('people go on', () => world.told.size > enough, { seen: () => world.story })
  }

  writing.stop()
  const tabs = world.profiles.flatMap((profile) => profile.tabs)
  for (const tab of tabs) await tab.evaluate(() => window.stopWriting?.())
  for (const { network: own } of world.profiles) own.mend()
  for (const tab of tabs) await tab.evaluate(() => window.me.saved('relay'))
  await carol.saved('relay')
  expect(writing.failures).toEqual([])
  const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  cleanUp(() => fresh.leave())
  await fresh.note.whenSynced
  const expected = fresh.json()
  const everybody = async () => [carol.json(), ...(await Promise.all(tabs.map(jsonOf)))]
  await until('all replicas are equal', async () => (await everybody()).every((json) => json === expected), {
    seen: () => world.story,
  })
  const tokens = fresh.tokens()
  expect(
    [...world.told].filter((token) => !tokens.includes(token)),
    world.story.join(', '),
  ).toEqual([])
  expect(tokens.filter((token, at) => tokens.indexOf(token) !== at)).toEqual([])
}

async function addProfile(world: World, browser: Browser, tabs: number): Promise<void> {
  const context = await browser.newContext()
  cleanUp(() => context.close())
  await context.exposeFunction('told', (token: string) => void world.told.add(token))
  const profile: Profile = { context, network: await startNetworkProxy(world.relay.port), tabs: [] }
  world.profiles.push(profile)
  for (let n = 0; n < tabs; n++) await addTab(world, profile)
}

async function addTab(world: World, profile: Profile): Promise<void> {
  const page = await openPage(profile.context, world.relay.url, { relay: profile.network.socketUrl })
  profile.tabs.push(page)
  const name = `page-${world.pagesOpened++}`
  await page.evaluate(
    ([of, pause, seed]) => {
      const writing = window.me.keepWriting(of, pause, 'device', (token) => window.told?.(token))
      let stopped = false
      const edit = async (): Promise<void> => {
        if (stopped) return
        window.me.edit(seed + writing.written, 1)
        // As with what it writes: a busy machine gets less to do.
        await window.me.saved('device').catch(() => {})
        setTimeout(edit, pause * 4)
      }
      void edit()
      window.stopWriting = () => {
        writing.stop()
        stopped = true
      }
    },
    [name, PAUSE_MS, world.random(1e9)] as const,
  )
}

async function trouble(world: World): Promise<void> {
  const { random, relay, story } = world
  const which = random(world.profiles.length)
  const profile = world.profiles[which]
  if (profile === undefined) throw new Error('there is no such profile')
  switch (random(6)) {
    case 0:
      story.push('the relay is killed')
      await relay.kill()
      return relay.start()
    case 1:
      story.push(`profile ${which} loses its network`)
      return profile.network.cut()
    case 2:
      story.push(`answers to profile ${which} get lost`)
      return profile.network.loseAnswers()
    case 3:
      story.push(`requests of profile ${which} get lost`)
      return profile.network.loseRequests()
    case 4:
      story.push(`profile ${which} has its network again`)
      return profile.network.mend()
    default:
      story.push(`profile ${which} closes a tab and opens another`)
      await profile.tabs.splice(random(profile.tabs.length), 1)[0]?.close()
      return addTab(world, profile)
  }
}
