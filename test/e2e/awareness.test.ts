/** Who is in a document: seen by the others while they are there, and no longer. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { startNetworkProxy } from '../support/network-proxy.ts'
import { begin, launchPages, openPage } from '../support/pages.ts'
import { openPerson } from '../support/person.ts'
import { startRelayProcess } from '../support/relay-process.ts'

declare global {
  interface Window {
    /** How many timers of y-protocols the page would have. */
    renewals: number
  }
}

/**
 * y-protocols renews a state every 15 s and drops what was not renewed for 30 s, by a timer that these pages do not have: what comes and
 * goes does so of itself, however long it takes. Nobody else in them uses `setInterval`.
 */
function withoutRenewals(): void {
  window.renewals = 0
  Object.assign(window, { setInterval: () => ++window.renewals })
}

const { browser, pages } = await launchPages()

describe('awareness', () => {
  test('a page that comes sees who is there, and is seen; one that closes is gone', async () => {
    const { alice, bob } = await two()
    await sees(alice, ['bob'])
    await sees(bob, ['alice'])
    await bob.close()
    await sees(alice, [])
  })

  test('a page that goes elsewhere is gone, and one that comes again is seen once', async () => {
    const { relay, alice, bob } = await two()
    await sees(alice, ['bob'])
    await bob.goto('about:blank')
    await sees(alice, [])
    await bob.goto(relay.url)
    await begin(bob, { relay: relay.socketUrl })
    await enter(bob, 'bob again')
    await sees(alice, ['bob again'])
  })

  test('a handle that is closed is gone while the page stays', async () => {
    const { alice, bob } = await two()
    await sees(alice, ['bob'])
    await bob.evaluate(() => window.me.note.close())
    await sees(alice, [])
  })

  test('without network nobody is shown, and afterwards everybody is again', async () => {
    const { network, alice, bob } = await two()
    await sees(alice, ['bob'])
    await sees(bob, ['alice'])
    network.cut()
    await sees(bob, [])
    await sees(alice, [])
    network.mend()
    for (const page of [alice, bob]) {
      const connection = () => page.evaluate(() => window.me.workspaceStatus().connection)
      await until('it is connected again', async () => (await connection()) === 'synced')
    }
    await sees(alice, ['bob'])
    await sees(bob, ['alice'])
  })

  test('[P5] a client on Node and a page see each other, and what they change', async () => {
    const { relay, alice, bob } = await two()
    await bob.close()
    const carol = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
    cleanUp(() => carol.leave())
    carol.note.awareness.setLocalStateField('user', { name: 'carol' })
    await sees(alice, ['carol'])
    carol.note.awareness.setLocalStateField('user', { name: 'caroline' })
    await sees(alice, ['caroline'])
    const seen = () => [...carol.note.awareness.getStates().values()].map(({ user }) => user?.name)
    await until('Carol sees Alice', () => seen().includes('alice'), { seen })
    await carol.leave()
    await sees(alice, [])
    expect(await alice.evaluate(() => window.errors)).toEqual([])
  })
})

async function two() {
  const relay = await startRelayProcess({ pages })
  const network = await startNetworkProxy(relay.port)
  const open = async (name: string): Promise<Page> => {
    const profile = await browser.newContext()
    cleanUp(() => profile.close())
    await profile.addInitScript(withoutRenewals)
    const page = await openPage(profile, relay.url, { relay: network.socketUrl })
    await enter(page, name)
    expect(await page.evaluate(() => window.renewals)).toBe(1)
    return page
  }
  return { relay, network, alice: await open('alice'), bob: await open('bob') }
}

const enter = (page: Page, name: string): Promise<void> =>
  page.evaluate((given) => window.me.note.awareness.setLocalStateField('user', { name: given }), name)

/** Waits until the page shows these people, and nobody else beside itself. */
async function sees(page: Page, names: readonly string[]): Promise<void> {
  const seen = () =>
    page.evaluate(() => {
      const { awareness } = window.me.note
      const others = [...awareness.getStates()].filter(([client]) => client !== awareness.clientID)
      return others.map(([, { user }]) => String(user?.name)).sort()
    })
  await until(`it shows ${JSON.stringify(names)}`, async () => JSON.stringify(await seen()) === JSON.stringify(names), {
    seen,
  })
}
