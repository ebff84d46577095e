/** `kill -9` of the whole browser: what it told as saved on the device is there again (P2), and nothing doubles. */
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { createMemoryReplicaStore, type RecordRow, type ReplicaStore } from '../../client/index.ts'
import { killBrowser } from '../support/browser.ts'
import { browserSurvivesCrashes, launchProfile } from '../support/browser-crash.ts'
import { cleanUp, temporaryFolder, until } from '../support/lifetime.ts'
import { type NetworkProxy, startNetworkProxy } from '../support/network-proxy.ts'
import { buildPages, openPage } from '../support/pages.ts'
import { openPerson } from '../support/person.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'
import { seedOfTest } from '../support/seed.ts'

const KILLS = 10

let pages: string
beforeAll(async () => {
  pages = await buildPages()
})

describe('kill -9 of Chromium', () => {
  test(`[P2] every edit with receipt device survives it, ${KILLS} times in the middle of a stream`, async () => {
    await browserSurvivesCrashes(pages, seedOfTest(), KILLS)
  })

  test.each([
    ['before anything is sent, in the first session ever', 'loseRequestsAfterGreeting', false],
    ['before anything is sent, in a later session', 'loseRequests', true],
    ['after the relay took it and before its acknowledgement came', 'loseAnswers', true],
  ] as const)('[P2][P8] sealing survives it: %s', async (_when, lose, syncedBefore) => {
    const relay = await startRelayProcess({ pages })
    const network = await startNetworkProxy(relay.port)
    const profile = temporaryFolder()
    const options = { relay: network.socketUrl }
    if (!syncedBefore) network[lose]()
    const browser = await launchProfile(profile)
    const page = await openPage(browser, relay.url, options)
    if (syncedBefore) {
      await page.evaluate(() => window.me.write('before'))
      await page.evaluate(() => window.me.saved('relay'))
      network[lose]()
    } else {
      await until('it is greeted', async () => (await connectionOf(page)) === 'synced')
    }
    const sealed = await sealSome(page, network, lose)
    await until('the relay has it, or not', async () => (await relayHas(relay)) === (lose === 'loseAnswers'))
    await killBrowser(browser)

    network.mend()
    const again = await openPage(await launchProfile(profile), relay.url, options)
    await again.evaluate(() => window.me.saved('relay'))
    const store = createMemoryReplicaStore({ durable: true })
    const fresh = await openPerson({ relay: relay.socketUrl, storage: store })
    cleanUp(() => fresh.leave())
    await until('all has come', async () => (await fresh.workspaceStatus()).connection === 'synced')
    const expected = [...(syncedBefore ? ['before'] : []), 'a', 'b']
    expect(fresh.tokens()).toEqual(expected)
    expect(await again.evaluate(() => window.me.tokens())).toEqual(expected)
    // The same bytes under the same dots, and no other record made of them.
    const records = await recordsOf(store)
    for (const [key, checksum] of sealed) expect(records.get(key)).toBe(checksum)
    expect(records.size).toBe(sealed.size)
  })
})

/** Whether the relay has the last edit: asked of it directly. */
async function relayHas(relay: RelayProcess): Promise<boolean> {
  const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  await fresh.note.whenSynced
  await fresh.leave()
  return fresh.tokens().includes('b')
}

const connectionOf = async (page: Page) => (await page.evaluate(() => window.me.workspaceStatus())).connection

/** Edits that become records here and get no receipt; returns all records of the page. */
async function sealSome(page: Page, network: NetworkProxy, lose: 'loseAnswers' | string): Promise<Map<string, string>> {
  const before = (await storedBy(page)).records.size
  for (const token of ['a', 'b']) {
    await page.evaluate((given) => window.me.write(given), token)
    await page.evaluate(() => window.me.saved('device'))
  }
  const isSealed = async () => {
    const { records, edits } = await storedBy(page)
    return records.size > before && edits === 0
  }
  await until('the edits are sealed', isSealed)
  if (lose !== 'loseAnswers') await until('they are sent into the void', () => network.lostBytes > 0)
  expect(await page.evaluate(() => window.me.status())).toMatchObject({ receipt: 'device', unacknowledged: 2 })
  return (await storedBy(page)).records
}

/** What is in the page's database: checksums by dot, and how many edits are no record yet. */
async function storedBy(page: Page): Promise<{ records: Map<string, string>; edits: number }> {
  const { records, edits } = await page.evaluate(async () => {
    const rows = await window.rows('records')
    const checksums = rows.map(({ key, value }) => [String(key), (value as RecordRow).checksum] as const)
    return { records: checksums, edits: (await window.rows('edits')).length }
  })
  return { records: new Map(records), edits }
}

async function recordsOf(store: ReplicaStore): Promise<Map<string, RecordRow['checksum']>> {
  const rows = await store.read(['records'], (transaction) => transaction.range('records', []))
  return new Map(rows.map(({ key, value }) => [String(key), value.checksum]))
}
