/** The demo as people use it: keyboards, cursors of others, and the line that tells how safe the last edit is. */
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DocumentHandle } from '../../client/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { cleanUp, until } from '../support/lifetime.ts'
import { buildPages } from '../support/pages.ts'
import { startRelayProcess } from '../support/relay-process.ts'

declare global {
  interface Window {
    /** What the demo puts there. */
    rejoin?: { handle(): DocumentHandle | undefined }
  }
}

let browser: Browser
let demo: string
beforeAll(async () => {
  browser = await launchBrowser()
  demo = await buildPages(fileURLToPath(new URL('../../demo', import.meta.url)))
})
afterAll(() => browser.close())

describe('the demo', () => {
  test('[P1] two people type into one document and see the text, name and cursor of each other', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await type(alice, 'Hello from Alice. ')
    await shows(bob, 'Hello from Alice. ')
    await type(bob, 'And from Bob.')
    await shows(alice, 'Hello from Alice. And from Bob.')
    await showsCursorOf(alice, 'Bob')
    await showsCursorOf(bob, 'Alice')

    // Both at once, at the two ends.
    await alice.keyboard.press('Control+Home')
    await Promise.all([alice.keyboard.type('1 '), bob.keyboard.type(' 2')])
    for (const page of [alice, bob]) await shows(page, '1 Hello from Alice. And from Bob. 2')
    await bob.close()
    await until('his cursor is gone', async () => !(await cursors(alice)).includes('Bob'))
  })

  test('[P2][P5] the status tells relay, device while the relay is away, and relay again', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await type(alice, 'one ')
    await tells(alice, { receipt: 'relay', connection: 'synced', unacknowledged: '0' })
    await relay.kill()
    await type(alice, 'two ')
    await tells(alice, { receipt: 'device' })
    expect(Number((await status(alice)).unacknowledged)).toBeGreaterThan(0)
    expect((await status(alice)).connection).not.toBe('synced')
    await relay.start()
    await tells(alice, { receipt: 'relay', connection: 'synced', unacknowledged: '0' })
    await shows(bob, 'one two ')
    await tells(bob, { receipt: 'relay', connection: 'synced', unacknowledged: '0' })
  })

  test('[P2] a new document is in the list of the other, and a reload keeps text and place', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await alice.getByTestId('new-document').fill('plans/summer')
    await alice.getByTestId('new-document').press('Enter')
    await until('it is open', async () => (await openDocument(alice)) === 'plans/summer')
    await type(alice, 'To the sea.')
    const link = bob.getByTestId('documents').getByText('plans/summer')
    await link.click()
    await shows(bob, 'To the sea.')
    await tells(alice, { receipt: 'relay' })
    await relay.kill()
    await type(alice, ' Or not.')
    await tells(alice, { receipt: 'device' })
    await relay.start()
    await alice.reload()
    await shows(alice, 'To the sea. Or not.')
    expect(await openDocument(alice)).toBe('plans/summer')
    await shows(bob, 'To the sea. Or not.')
  })
})

async function open(url: string, name: string): Promise<Page> {
  const profile: BrowserContext = await browser.newContext()
  cleanUp(() => profile.close())
  const page = await profile.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  cleanUp(() => expect(errors, `errors in the page of ${name}`).toEqual([]))
  await page.goto(url)
  await page.getByTestId('name').fill(name)
  await page.getByTestId('editor').waitFor()
  return page
}

/** At the end of the text, by the keyboard. */
async function type(page: Page, text: string): Promise<void> {
  await page.getByTestId('editor').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type(text, { delay: 5 })
}

/** What is to be read in the editor, without the cursors of others, and what the document holds. */
async function shows(page: Page, expected: string): Promise<void> {
  const seen = () =>
    page.evaluate(() => {
      const editor = document.querySelector('[data-testid=editor]')?.cloneNode(true) as Element | undefined
      for (const cursor of editor?.querySelectorAll('.cm-ySelectionCaret') ?? []) cursor.remove()
      const visible = [...(editor?.querySelectorAll('.cm-line') ?? [])].map((line) => line.textContent).join('\n')
      return { visible, held: window.rejoin?.handle()?.doc.getText('text').toString() }
    })
  await until(
    `it shows ${JSON.stringify(expected)}`,
    async () => {
      const { visible, held } = await seen()
      return visible === expected && held === expected
    },
    { seen },
  )
}

const cursors = (page: Page): Promise<string[]> => page.locator('.cm-ySelectionInfo').allTextContents()

async function showsCursorOf(page: Page, name: string): Promise<void> {
  await until(`there is the cursor of ${name}`, async () => (await cursors(page)).includes(name), {
    seen: () => cursors(page),
  })
}

/** The plain values on the status line. */
const status = (page: Page): Promise<Record<string, string | undefined>> =>
  page.getByTestId('status').evaluate((line) => ({ ...line.dataset }))

async function tells(page: Page, expected: Readonly<Record<string, string>>): Promise<void> {
  await until(
    `the status tells ${JSON.stringify(expected)}`,
    async () => {
      const told = await status(page)
      return Object.entries(expected).every(([key, value]) => told[key] === value)
    },
    { seen: () => status(page) },
  )
}

const openDocument = (page: Page): Promise<string | undefined> => page.evaluate(() => window.rejoin?.handle()?.id)
