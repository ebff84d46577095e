/** Storage that a browser takes away under a session: nothing is lost, and it goes on without a reload. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { begin, launchPages, openPage } from '../support/pages.ts'
import { openPerson } from '../support/person.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'

const EDITS = 6

const { browser, pages } = await launchPages()

/** A page whose database connections, and transactions, the test can take away. */
async function start(init: () => void = watchDatabases) {
  const relay = await startRelayProcess({ pages })
  const profile = await browser.newContext()
  cleanUp(() => profile.close())
  await profile.addInitScript(init)
  return { relay, profile, page: await openPage(profile, relay.url, { relay: relay.socketUrl }) }
}

declare global {
  interface Window {
    databases: Set<IDBDatabase>
    /** What the next transactions that write are answered with, if anything. */
    refuse?: 'QuotaExceededError' | 'AbortError'
    /** Databases do not open. */
    shut?: boolean
  }
}

function shutDatabases(): void {
  const { open } = IDBFactory.prototype
  // Once the test has opened them they stay so, also for the page that is loaded anew.
  window.shut = sessionStorage.getItem('shut') !== 'over'
  IDBFactory.prototype.open = function (this: IDBFactory, ...args) {
    if (window.shut) throw new DOMException('Internal error opening backing store', 'UnknownError')
    return open.apply(this, args)
  }
}

function watchDatabases(): void {
  const { transaction } = IDBDatabase.prototype
  window.databases = new Set()
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
    window.databases.add(this)
    const begun = transaction.apply(this, args)
    if (window.refuse !== undefined && begun.mode === 'readwrite') {
      const name = window.refuse
      Object.defineProperty(begun, 'error', { get: () => new DOMException('by the test', name) })
      queueMicrotask(() => begun.abort())
    }
    return begun
  }
}

async function expectEverywhere(relay: RelayProcess, page: Page, tokens: readonly string[]): Promise<void> {
  await page.evaluate(() => window.me.saved('relay'))
  const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
  cleanUp(() => fresh.leave())
  await fresh.note.whenSynced
  expect(fresh.tokens()).toEqual(tokens)
  await page.reload()
  await begin(page, {})
  expect(await page.evaluate(() => window.me.tokens())).toEqual(tokens)
}

describe('IndexedDB', () => {
  test(`[P2][P6] closed under a session by the browser: ${EDITS} of ${EDITS} later edits are stored and synced`, async () => {
    const { relay, page } = await start()
    const tokens: string[] = []
    for (let i = 0; i < EDITS; i++) {
      await page.evaluate(() => {
        for (const database of window.databases) database.close()
      })
      tokens.push(`after ${i}`)
      await page.evaluate((token) => window.me.write(token), `after ${i}`)
      await page.evaluate(() => window.me.saved('device'))
    }
    expect(await page.evaluate(() => window.errors)).toEqual([])
    await expectEverywhere(relay, page, tokens)
  })

  test.each(['QuotaExceededError', 'AbortError'] as const)(
    '[P5][P6] that refuses with %s: edits are sent, it is said with a remedy, and stored when it can be',
    async (name) => {
      const { relay, page } = await start()
      await page.evaluate(() => window.me.write('before'))
      await page.evaluate(() => window.me.saved('relay'))
      await page.evaluate((given) => {
        window.refuse = given
      }, name)
      await page.evaluate(() => window.me.write('refused'))
      const status = () => page.evaluate(() => window.me.workspaceStatus())
      await until('it is said', async () => (await status()).storage === 'degraded')
      const code = name === 'QuotaExceededError' ? 'storage-full' : 'storage-failed'
      expect((await status()).trouble).toMatchObject({ code, remedy: expect.stringContaining('tried again') })
      await page.evaluate(() => window.me.saved('relay'))
      await page.evaluate(() => {
        window.refuse = undefined
      })
      await page.evaluate(() => window.me.saved('device'))
      await until('all is well', async () => (await status()).storage === 'ok')
      await expectEverywhere(relay, page, ['before', 'refused'])
    },
  )

  test('[P5] that a newer version of the app has opened: this page says so, and goes on', async () => {
    const { relay, page } = await start()
    await page.evaluate(() => window.me.write('before'))
    await page.evaluate(() => window.me.saved('relay'))
    await page.evaluate(async () => {
      const [{ name = '' } = {}] = await indexedDB.databases()
      await new Promise((resolve, reject) => {
        const request = indexedDB.open(name, 99)
        request.onsuccess = resolve
        request.onerror = reject
        request.onblocked = () => reject(new Error('blocked'))
      })
    })
    await page.evaluate(() => window.me.write('typed on'))
    const status = () => page.evaluate(() => window.me.workspaceStatus())
    await until('it is said', async () => (await status()).trouble?.code === 'outdated')
    expect((await status()).trouble?.remedy).toContain('reload')
    expect(await page.evaluate(() => window.me.tokens())).toEqual(['before', 'typed on'])
    expect(relay.url).toBeTruthy()
  })

  test('tells how much room there is, and is asked to keep what it has', async () => {
    const { page } = await start()
    const room = await page.evaluate(() => window.estimateStorage())
    expect(room?.quotaBytes).toBeGreaterThan(1_000_000)
    expect(room?.usedBytes).toBeLessThan(room?.quotaBytes ?? 0)
    const asked = await page.evaluate(() => window.persistStorage())
    expect((await page.evaluate(() => window.estimateStorage()))?.persisted).toBe(asked)
  })

  test('[P5] a page that holds what is nowhere else asks before it is left, and no other one does', async () => {
    const { relay, page } = await start()
    await page.evaluate(() => window.guardUnload(window.me.workspace))
    const asks = () => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })))
    await page.evaluate(() => window.me.write('kept here'))
    await page.evaluate(() => window.me.saved('device'))
    expect(await asks()).toBe(false)
    await relay.kill()
    await page.evaluate(() => {
      window.refuse = 'QuotaExceededError'
    })
    await page.evaluate(() => window.me.write('kept nowhere'))
    const status = () => page.evaluate(() => window.me.workspaceStatus())
    await until('it is said', async () => (await status()).storage === 'degraded')
    expect(await asks()).toBe(true)
    await page.evaluate(() => {
      window.refuse = undefined
    })
    await page.evaluate(() => window.me.saved('device'))
    await until('all is well', async () => (await status()).storage === 'ok')
    expect(await asks()).toBe(false)
  })

  test('[P2][P5][P6] that did not open is tried again: what was typed in memory reaches it, without a reload', async () => {
    const { relay, page } = await start(shutDatabases)
    await page.evaluate(() => window.me.write('in memory'))
    await page.evaluate(() => window.me.saved('relay'))
    const status = () => page.evaluate(() => window.me.workspaceStatus())
    expect(await status()).toMatchObject({ storage: 'degraded', trouble: { code: 'storage-failed' } })
    await page.evaluate(() => {
      sessionStorage.setItem('shut', 'over')
      window.shut = false
    })
    await until('it is in use', async () => (await status()).storage === 'ok')
    await page.evaluate(() => window.me.write('stored'))
    await page.evaluate(() => window.me.saved('device'))
    await expectEverywhere(relay, page, ['in memory', 'stored'])
  })

  test('[P6] that is not there: the page works, and syncs', async () => {
    const relay = await startRelayProcess({ pages })
    const profile = await browser.newContext()
    cleanUp(() => profile.close())
    await profile.addInitScript(() => Object.defineProperty(window, 'indexedDB', { value: undefined }))
    const page = await openPage(profile, relay.url, { relay: relay.socketUrl })
    await page.evaluate(() => window.me.write('kept elsewhere'))
    await page.evaluate(() => window.me.saved('relay'))
    const { storage, trouble } = await page.evaluate(() => window.me.workspaceStatus())
    expect([storage, trouble?.code]).toEqual(['degraded', 'storage-unavailable'])
    const fresh = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
    cleanUp(() => fresh.leave())
    await fresh.note.whenSynced
    expect(fresh.tokens()).toEqual(['kept elsewhere'])
  })
})
