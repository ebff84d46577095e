/** The quota of the browser itself, lowered until nothing more goes in: what a full device refuses, and what comes of it. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWorkspace } from '../../client/index.ts'
import { killBrowser, launchPersistent } from '../support/browser.ts'
import { cleanUp, temporaryFolder, until } from '../support/lifetime.ts'
import { begin, buildPages } from '../support/pages.ts'
import { openPerson } from '../support/person.ts'
import { seeded } from '../support/random.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'

const QUOTA_BYTES = 4_000_000
const LARGE = 5
const LARGE_CHARACTERS = 300_000

let pages: string
let profile: BrowserContext
beforeAll(async () => {
  pages = await buildPages()
  // On disk, as people have it: what a browser without one counts is something else.
  profile = await launchPersistent(temporaryFolder())
})
afterAll(() => killBrowser(profile))

describe('a device without room', () => {
  test('[P5][P6] goes on with nothing that may leave: it says so, edits and syncs, and stores all when there is room', async () => {
    const { relay, page, setQuota } = await start()
    await page.evaluate(() => window.me.write('before'))
    await page.evaluate(() => window.me.saved('relay'))
    await fill(page)

    for (const token of ['typed', 'while', 'it is full']) {
      await page.evaluate((given) => window.me.write(given), token)
      await page.evaluate(() => window.me.saved('relay'))
    }
    const status = () => page.evaluate(() => window.me.workspaceStatus())
    await until('it is said', async () => (await status()).storage === 'degraded')
    expect((await status()).trouble).toMatchObject({
      code: 'storage-full',
      remedy: expect.stringContaining('tried again'),
    })
    // Also in a document that is new.
    await page.evaluate(async () => {
      const another = window.me.workspace.open('another')
      await another.whenLoaded
      another.doc.getText('text').insert(0, 'begun without room')
      await another.saved('relay')
    })
    // What others write is shown meanwhile.
    const bob = await openPerson({ relay: relay.socketUrl, storage: 'memory' })
    cleanUp(() => bob.leave())
    await bob.note.whenSynced
    bob.write('from bob')
    const tokens = ['before', 'typed', 'while', 'it is full', 'from bob']
    await until('it is shown', async () => (await tokensOf(page)).join() === tokens.join(), {
      seen: () => tokensOf(page),
    })

    await setQuota(2 * QUOTA_BYTES)
    await page.evaluate(() => window.me.saved('device'))
    await until('all is well', async () => (await status()).storage === 'ok', { seen: status })
    await until('all is here', async () => (await status()).connection === 'synced', { seen: status })
    // From what is stored here.
    await page.reload()
    await begin(page, {})
    expect(await tokensOf(page)).toEqual(tokens)
    const another = await page.evaluate(async () => {
      const note = window.me.workspace.open('another')
      await note.whenLoaded
      return note.doc.getText('text').toString()
    })
    expect(another).toBe('begun without room')
  })

  test('[P2][P5] makes it of documents that a relay has and nobody pinned, however full it is; they come back', async () => {
    const { page, setQuota } = await start(async ({ socketUrl }) => {
      const author = await openWorkspace({ id: 'acme', user: 'author', relays: [socketUrl], storage: 'memory' })
      const large = Array.from({ length: LARGE }, (_, index) => author.open(`large ${index}`))
      for (const [index, note] of large.entries()) {
        note.doc.getText('text').insert(0, noise(LARGE_CHARACTERS, index))
        await note.saved('relay')
      }
      await author.close()
    })
    const known = () => page.evaluate(() => window.me.workspace.documents.get().length)
    await until('they are here', async () => (await known()) === LARGE + 1)
    await until('bytes are kept in spare', () => hasSpare(page))
    await page.evaluate(() => window.me.workspace.pin('large 0'))
    await fill(page)

    await page.evaluate(() => window.me.write('typed without room'))
    await page.evaluate(() => window.me.saved('device'))
    const status = () => page.evaluate(() => window.me.workspaceStatus())
    await until('all is well', async () => (await status()).storage === 'ok', { seen: status })
    const kept = () => page.evaluate(() => [...window.me.workspace.kept.get()].map(([id, { at }]) => `${id} ${at}`))
    const left = (await kept()).filter((each) => each.endsWith('relay'))
    expect(left.length).toBeGreaterThan(0)
    expect(await kept()).toContain('large 0 device')

    await setQuota(4 * QUOTA_BYTES)
    const lengths = await page.evaluate(async (count) => {
      const notes = Array.from({ length: count }, (_, index) => window.me.workspace.open(`large ${index}`))
      await Promise.all(notes.map((note) => note.whenSynced))
      return notes.map((note) => note.doc.getText('text').length)
    }, LARGE)
    expect(lengths).toEqual(lengths.map(() => LARGE_CHARACTERS))
    await until('all are kept', async () => (await kept()).every((each) => each.endsWith('device')))
    for (const error of await page.evaluate(() => window.errors)) expect(error).toContain('storage-full')
  })
})

const tokensOf = (page: Page): Promise<string[]> => page.evaluate(() => window.me.tokens())

/** Whether the page has stored what it gives up first: under the name of no document. */
const hasSpare = (page: Page): Promise<boolean> =>
  page.evaluate(async () => {
    const pieces = await window.rows('pieces')
    return pieces.some(({ key }) => Array.isArray(key) && key[0] === '')
  })

/** A page whose origin, new with every relay, may store so much. */
async function start(before?: (relay: RelayProcess) => Promise<void>) {
  const relay = await startRelayProcess({ pages })
  await before?.(relay)
  const page = await profile.newPage()
  cleanUp(() => page.close())
  const devtools = await profile.newCDPSession(page)
  const setQuota = (quotaSize: number): Promise<unknown> =>
    devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(relay.url).origin, quotaSize })
  await page.goto(relay.url)
  await setQuota(QUOTA_BYTES)
  await begin(page, { relay: relay.socketUrl })
  return { relay, page, setQuota }
}

/** Something else of this origin takes up all that is left, to the last hundred bytes. */
async function fill(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open('another database')
      request.onupgradeneeded = () => request.result.createObjectStore('rows', { autoIncrement: true })
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    const isTaken = (bytes: number) =>
      new Promise<boolean>((resolve) => {
        const transaction = database.transaction('rows', 'readwrite')
        transaction.objectStore('rows').add(crypto.getRandomValues(new Uint8Array(bytes)))
        transaction.oncomplete = () => resolve(true)
        transaction.onabort = () => resolve(false)
      })
    for (const bytes of [60_000, 6_000, 600, 60, 1]) while (await isTaken(bytes));
    database.close()
  })
}

/** Text that takes up its length. */
function noise(length: number, seed: number): string {
  const random = seeded(seed)
  return Array.from({ length }, () => String.fromCharCode(33 + random(90))).join('')
}
