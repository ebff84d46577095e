/** The demo as its tests use it: people with profiles of their own, notes, and what the page says. */
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { cleanUp, until } from './lifetime.ts'
import { launchPages } from './pages.ts'

/** A browser, and the demo built as it is served, for all tests of a file. */
export async function launchDemo(): Promise<{ browser: Browser; demo: string }> {
  const { browser, pages } = await launchPages(fileURLToPath(new URL('../../demo', import.meta.url)))
  return { browser, demo: pages }
}

export async function newProfile(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const profile = await browser.newContext(options)
  cleanUp(() => profile.close())
  return profile
}

/** A tab with the notebook; an error in it fails the test. */
export async function openNotebookPage(profile: BrowserContext, url: string, name?: string): Promise<Page> {
  const page = await profile.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  cleanUp(() => expect(errors, `errors in the page of ${name}`).toEqual([]))
  await page.goto(url)
  await page.getByTestId('list').waitFor()
  if (name !== undefined) await rename(page, name)
  return page
}

async function rename(page: Page, name: string): Promise<void> {
  await page.getByTestId('settings-button').click()
  await page.getByTestId('name').fill(name)
  await page.keyboard.press('Escape')
}

/** Does what makes pages begin anew by themselves; when this resolves, nothing that is seen in them is of before. */
export async function beginAnew(pages: readonly Page[], act: () => Promise<unknown>): Promise<void> {
  const loaded = pages.map((page) => page.waitForEvent('load'))
  await Promise.all([act(), ...loaded])
  for (const page of pages) await page.getByTestId('status-all').waitFor()
}

/** Its files are kept, so that it starts without a server. */
export async function installed(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
}

/** Makes a note with this title, and leaves the cursor in its text. */
export async function createNote(page: Page, title: string, text = ''): Promise<void> {
  await page.getByTestId('new').click()
  await page.getByRole('menuitem', { name: 'Note' }).click()
  await page.locator('.title:focus').waitFor()
  await page.getByTestId('editor').waitFor()
  await page.getByTestId('title').fill(title)
  await page.getByTestId('title').press('Enter')
  if (text !== '') await page.keyboard.type(text)
}

export async function createBoard(page: Page, title: string): Promise<void> {
  await page.getByTestId('new').click()
  await page.getByRole('menuitem', { name: 'Board' }).click()
  await page.getByTestId('board').waitFor()
  await page.getByTestId('title').fill(title)
  await page.getByTestId('start-board').click()
}

/** Opens the note of this title from the list. */
export async function openByTitle(page: Page, title: string): Promise<void> {
  await rowOf(page, title).locator('a').click()
  await until(
    `“${title}” is open`,
    async () =>
      (await page
        .getByTestId('title')
        .inputValue()
        .catch(() => '')) === title,
  )
  await page.getByTestId('editor').or(page.getByTestId('board')).waitFor()
}

export const rowOf = (page: Page, title: string) =>
  page.getByTestId('row').filter({ has: page.locator('.row-title', { hasText: new RegExp(`^${title}$`) }) })

/** At the end of the text, by the keyboard. */
export async function type(page: Page, text: string): Promise<void> {
  await page.getByTestId('editor').click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type(text, { delay: 5 })
}

/** The text of the open note, without the cursors of others. */
export const textOf = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const editor = document.querySelector('[data-testid=editor]')?.cloneNode(true)
    if (!(editor instanceof Element)) return ''
    for (const cursor of editor.querySelectorAll('.cursor')) cursor.remove()
    return [...editor.querySelectorAll('p, h1, h2, h3')].map((line) => line.textContent).join('\n')
  })

export async function shows(page: Page, expected: string): Promise<void> {
  await until(`it shows ${JSON.stringify(expected)}`, async () => (await textOf(page)) === expected, {
    seen: () => textOf(page),
  })
}

/** The plain values on the indicator of the open note, or of all notes. */
export const statusOf = (page: Page, which: 'status' | 'status-all' = 'status') =>
  page.getByTestId(which).evaluate((element): Record<string, string | undefined> => {
    if (!(element instanceof HTMLElement)) return {}
    return { ...element.dataset, label: element.querySelector('.indicator-label')?.textContent ?? undefined }
  })

export async function tells(
  page: Page,
  expected: Readonly<Record<string, string>>,
  which: 'status' | 'status-all' = 'status',
): Promise<void> {
  await until(
    `the ${which} tells ${JSON.stringify(expected)}`,
    async () => {
      const told = await statusOf(page, which)
      return Object.entries(expected).every(([key, value]) => told[key] === value)
    },
    { seen: () => statusOf(page, which) },
  )
}

/** Titles that can be seen in the list, from the top. */
export const titlesIn = (page: Page): Promise<string[]> => page.locator('.row-title').allTextContents()

const cardsIn = (page: Page): Promise<string[]> =>
  page
    .getByTestId('column')
    .evaluateAll((columns) =>
      columns.map((column) => [...column.querySelectorAll('.card')].map((card) => card.textContent).join(', ')),
    )

export async function showsCards(page: Page, expected: readonly string[]): Promise<void> {
  await until(
    `the columns hold ${JSON.stringify(expected)}`,
    async () => JSON.stringify(await cardsIn(page)) === JSON.stringify(expected),
    { seen: () => cardsIn(page) },
  )
}
