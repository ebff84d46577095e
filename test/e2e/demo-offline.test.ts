/** The demo as an app: it is installed, starts with no server, goes on in many tabs, and takes new versions when asked. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import {
  createNote,
  installed,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  rowOf,
  shows,
  statusOf,
  tells,
  textOf,
  titlesIn,
  type,
} from '../support/fieldnotes.ts'
import { temporaryFolder, until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const { browser, demo } = await launchDemo()

describe('Fieldnotes without a server', () => {
  test('[P2][P6] starts offline, takes edits of three notes in two tabs, and converges with another profile', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await newProfile(browser), await newProfile(browser)]
    const one = await openNotebookPage(alice, relay.url, 'Alice')
    for (const title of ['Birds', 'Bread', 'Boats']) await createNote(one, title, `${title} at home. `)
    await tells(one, { unacknowledged: '0', connection: 'synced' }, 'status-all')
    await installed(one)
    const other = await openNotebookPage(bob, relay.url, 'Bob')
    await openByTitle(other, 'Birds')
    await shows(other, 'Birds at home. ')

    await relay.kill()
    await one.reload()
    await openByTitle(one, 'Birds')
    await shows(one, 'Birds at home. ')
    await type(one, 'One. ')
    await openByTitle(one, 'Bread')
    await type(one, 'One. ')
    const two = await openNotebookPage(alice, relay.url)
    await openByTitle(two, 'Boats')
    await type(two, 'Two. ')
    await openByTitle(two, 'Bread')
    await shows(two, 'Bread at home. One. ')
    await type(two, 'Two. ')
    await shows(one, 'Bread at home. One. Two. ')
    await type(other, 'Bob. ')
    await tells(one, { receipt: 'device' })
    await until('it says what waits', async () => Number((await statusOf(one, 'status-all')).unacknowledged) > 0)
    // Once more: what was written without a server is there after a start without one.
    await one.reload()
    await shows(one, 'Bread at home. One. Two. ')

    await relay.start()
    for (const page of [one, two, other]) {
      await tells(page, { unacknowledged: '0', connection: 'synced' }, 'status-all')
    }
    for (const page of [one, two, other]) {
      await openByTitle(page, 'Bread')
      await shows(page, 'Bread at home. One. Two. ')
      await openByTitle(page, 'Boats')
      await shows(page, 'Boats at home. Two. ')
      await openByTitle(page, 'Birds')
      await until('both are in it', async () =>
        /^Birds at home\. (One\. Bob\. |Bob\. One\. )$/.test(await textOf(page)),
      )
    }
    expect(new Set(await Promise.all([one, two, other].map(textOf))).size).toBe(1)
  })

  test('[P1] five tabs of one profile show the same, also to somebody else', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await newProfile(browser), await newProfile(browser)]
    const first = await openNotebookPage(alice, relay.url, 'Alice')
    await createNote(first, 'Tabs', '0')
    const others: Page[] = []
    for (let nth = 1; nth < 5; nth++) others.push(await openNotebookPage(alice, first.url()))
    for (const [index, tab] of others.entries()) {
      await shows(tab, '01234'.slice(0, index + 1))
      await type(tab, `${index + 1}`)
    }
    const bobs = await openNotebookPage(bob, first.url())
    for (const page of [first, ...others, bobs]) await shows(page, '01234')
    for (const page of [first, ...others]) await tells(page, { receipt: 'relay', unacknowledged: '0' })
  })

  test('opens a part of the page that it never needed while there was a network', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const alice = await newProfile(browser)
    const page = await openNotebookPage(alice, relay.url, 'Alice')
    await createNote(page, 'Out', 'words')
    await tells(page, { receipt: 'relay', unacknowledged: '0' })
    await installed(page)
    await relay.kill()
    await page.reload()
    await page.getByTestId('settings-button').click()
    const download = page.waitForEvent('download')
    await page.getByTestId('export-json').click()
    const path = join(temporaryFolder(), 'fieldnotes.json')
    await (await download).saveAs(path)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
      format: 'fieldnotes',
      notes: [{ title: 'Out', markdown: 'words\n' }],
    })
    await page.getByTestId('import-file').setInputFiles(path)
    await page.getByText('1 note imported.').waitFor()
    await page.keyboard.press('Escape')
    await until('there are two', async () => (await rowOf(page, 'Out').count()) === 2, { seen: () => titlesIn(page) })
  })
})

describe('Fieldnotes from static hosting', () => {
  test('[P6] a notebook that never saw a relay is filled with samples, and has them after a reload', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const page = await openNotebookPage(await newProfile(browser), relay.url)
    await installed(page)
    await relay.kill()
    await page.reload()
    await page.getByTestId('fill').click()
    await until('all are there', async () => (await rowOf(page, 'Start here').getAttribute('aria-setsize')) === '200')
    await openByTitle(page, 'Spring count')
    await tells(page, { receipt: 'device', storage: 'ok' })
    await page.reload()
    await openByTitle(page, 'Curlews, five winters')
  })
})

describe('a new version', () => {
  test('is offered, and shown when asked for; other tabs go on with theirs', async () => {
    const pages = join(temporaryFolder(), 'pages')
    cpSync(demo, pages, { recursive: true })
    const relay = await startRelayProcess({ pages })
    const alice = await newProfile(browser)
    const [page, other] = [await openNotebookPage(alice, relay.url, 'Alice'), await openNotebookPage(alice, relay.url)]
    await installed(page)
    await page.reload()
    await other.reload()
    deploy(pages)
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update())
    await page.getByText('A new version is here.').waitFor()
    await page.getByRole('button', { name: 'Reload' }).click()
    await page.locator('html[data-version="2"]').waitFor()
    await createNote(other, 'Still here', 'typed in the old version')
    await rowOf(page, 'Still here').waitFor()
  })
})

/** The same page with a mark, as a new build would bring it. */
function deploy(pages: string): void {
  const [page, worker] = [join(pages, 'index.html'), join(pages, 'service-worker.js')]
  writeFileSync(page, readFileSync(page, 'utf8').replace('<html ', '<html data-version="2" '))
  writeFileSync(worker, readFileSync(worker, 'utf8').replace(/"version":"\w+"/, '"version":"two"'))
}
