/**
 * Tabs of one profile that all write while whichever leads is ended, again and again: closed, crashed, frozen or hung. Short in the tests, long in the soak.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { type Hold, startHold } from './hold.ts'
import { cleanUp, until } from './lifetime.ts'
import { jsonOf, openPage } from './pages.ts'
import { openPerson } from './person.ts'
import { seeded } from './random.ts'
import { startRelayProcess } from './relay-process.ts'

const TABS = 5
const PAUSE_MS = 15

export type Ending = 'close' | 'crash' | 'freeze' | 'hang'

export interface Ended {
  /** Milliseconds until another tab had a connection, the longest for each way in which a leader was ended. */
  takenOverMs: Map<Ending, number>
  told: number
}

/** Ends the leader so many times, in ways that the seed chooses of these. */
export async function leadersAreEnded(
  browser: Browser,
  pages: string,
  seed: number,
  times: number,
  endings: readonly Ending[],
): Promise<Ended> {
  const random = seeded(seed)
  const relay = await startRelayProcess({ pages })
  const profile = await browser.newContext()
  cleanUp(() => profile.close())
  const told = new Set<string>()
  await profile.exposeFunction('told', (token: string) => told.add(token))
  const result: Ended = { takenOverMs: new Map(), told: 0 }
  let tabs: Page[] = []
  let opened = 0

  async function open(): Promise<void> {
    const page = await openPage(profile, relay.url, { relay: relay.socketUrl })
    await page.evaluate(
      ([name, pause]) => void window.me.keepWriting(name, pause, 'device', (token) => window.told?.(token)),
      [`tab-${opened++}`, PAUSE_MS] as const,
    )
    tabs.push(page)
  }
  for (let n = 0; n < TABS; n++) await open()

  for (let time = 0; time < times; time++) {
    await oneLeads(tabs)
    const enough = told.size + 10 + random(60)
    await until('they write', () => told.size > enough)
    // A busy machine may make a leader look silent: while one hands over to another there may be two, or none.
    const leader = await oneLeads(tabs)
    const ending = endings[random(endings.length)] as Ending
    tabs = tabs.filter((tab) => tab !== leader)
    const begun = performance.now()
    const hold = await startHold()
    await end(leader, ending, profile, hold)
    await until(`another one has the connection after ${ending}`, watchConnections(tabs), {
      seen: () =>
        Promise.all(
          tabs.map((tab) => tab.evaluate(async () => [window.me.workspaceStatus(), await navigator.locks.query()])),
        ),
    })
    const takenOverMs = performance.now() - begun
    result.takenOverMs.set(ending, Math.max(takenOverMs, result.takenOverMs.get(ending) ?? 0))
    if (ending === 'freeze' || ending === 'hang') {
      // It wakes: what it had typed is not lost either.
      hold.letGo()
      await leader.evaluate(() => window.sockets())
      tabs.push(leader)
    }
    while (tabs.length < TABS) await open()
  }

  const last = await openPage(profile, relay.url, { relay: relay.socketUrl })
  for (const tab of tabs) await tab.close()
  const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  cleanUp(() => fresh.leave())
  await last.evaluate(() => window.me.saved('relay'))
  await fresh.note.whenSynced
  await until('a fresh client and the profile hold the same', async () => (await jsonOf(last)) === fresh.json())
  const tokens = fresh.tokens()
  expect([...told].filter((token) => !tokens.includes(token))).toEqual([])
  expect(tokens.filter((token, at) => tokens.indexOf(token) !== at)).toEqual([])
  expect(await last.evaluate(() => window.errors)).toEqual([])
  result.told = told.size
  return result
}

const socketsOf = (tabs: readonly Page[]): Promise<number[]> =>
  Promise.all(tabs.map((tab) => tab.evaluate(() => window.sockets())))

/**
 * Tells whether one of these is known to have a connection. Each is asked anew when it has answered: one that is busy answers late, and
 * one that shares its process with a page that hangs does not.
 */
function watchConnections(tabs: readonly Page[]): () => boolean {
  const asked = new Set<Page>()
  let isConnected = false
  const ask = async (tab: Page): Promise<void> => {
    asked.add(tab)
    const sockets = await tab.evaluate(() => window.sockets()).catch(() => 0)
    asked.delete(tab)
    isConnected ||= sockets > 0
  }
  return () => {
    for (const tab of tabs) if (!asked.has(tab)) void ask(tab)
    return isConnected
  }
}

/** The tab that has the connection, when there is one and only one. */
async function oneLeads(tabs: readonly Page[]): Promise<Page> {
  let sockets: number[] = []
  const isOne = async (): Promise<boolean> => {
    sockets = await socketsOf(tabs)
    return sockets.reduce((sum, count) => sum + count, 0) === 1
  }
  await until('one tab has the connection', isOne, { seen: () => sockets })
  return tabs[sockets.indexOf(1)] as Page
}

async function end(page: Page, ending: Ending, profile: BrowserContext, { url }: Hold): Promise<void> {
  if (ending === 'close') return page.close()
  if (ending === 'freeze') {
    // As the browser freezes it: it says so, and then nothing runs any more.
    void page.evaluate((from) => window.freeze(from), url).catch(() => {})
    return
  }
  if (ending === 'hang') {
    // It keeps its lock and its socket, and says nothing.
    void page.evaluate((from) => window.hang(from), url).catch(() => {})
    return
  }
  const session = await profile.newCDPSession(page)
  const crashed = new Promise((resolve) => page.once('crash', resolve))
  void session.send('Page.crash').catch(() => {})
  await crashed
}
