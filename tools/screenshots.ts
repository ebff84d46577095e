/**
 * The demo's main states as pictures in docs/images: `npm run screenshots`, after `npm run build:demo`. Two people are in
 * them, so that one sees the other; the notes are the samples.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { createRelay } from '../server/index.ts'
import { findBrowser } from './browser.ts'
import { seedNotebook } from './seed.ts'

const ROOT = resolve(import.meta.dirname, '..')
const IMAGES = join(ROOT, 'docs/images')

interface Shape {
  name: string
  width: number
  height: number
  phone: boolean
}

const SHAPES: readonly Shape[] = [
  { name: '1280', width: 1280, height: 800, phone: false },
  { name: '390', width: 390, height: 844, phone: true },
]

/** What a state shows, from a page that has the list. */
const STATES: Readonly<Record<string, (page: Page, shape: Shape, other: Page) => Promise<void>>> = {
  async notes(page, { phone }) {
    if (!phone) await openNote(page, 'Curlews, five winters')
  },
  async note(page, _shape, marta) {
    await openNote(marta, 'Curlews, five winters')
    await marta.getByText('Disturbance before decline').click()
    await openNote(page, 'Curlews, five winters')
    await page.locator('.cursor-name').waitFor()
  },
  async board(page, _shape, marta) {
    await openNote(marta, 'Spring count')
    await marta.getByText('Ask the club for the third telescope').click()
    await openNote(page, 'Spring count')
    await page.locator('.card[data-person]').waitFor()
  },
  async offline(page) {
    await openNote(page, 'Today')
    await page.getByTestId('status').click()
    await page.getByTestId('network').click()
    await page.keyboard.press('Escape')
    await page.getByRole('checkbox').nth(2).check()
    await page.getByTestId('status').click()
    await page.getByTestId('trust').waitFor()
  },
  async search(page) {
    await page.getByTestId('search').fill('avocet')
    await page.getByText('Blackwater estuary').first().waitFor()
  },
  async lab(page) {
    await page.getByTestId('status-all').click()
    await page.getByTestId('open-lab').click()
    await page.locator('.node').first().waitFor()
    await page.locator('[data-state="same"]').waitFor()
    await page.waitForTimeout(9_000)
    await page.locator('.node[data-name="Ada"] .press').click()
    await page.locator('.node[data-name="r2"] .press').click()
    await page.waitForTimeout(6_000)
  },
}

const only = process.argv.slice(2)
mkdirSync(IMAGES, { recursive: true })
const relay = createRelay({ demo: join(ROOT, 'dist/demo') })
const { url } = await relay.listen(0)
await seedNotebook(url)
const browser = await chromium.launch({ executablePath: findBrowser(), chromiumSandbox: process.getuid?.() !== 0 })
try {
  const marta = await openPage(await browser.newContext(), 'Marta')
  for (const shape of SHAPES) for (const scheme of ['light', 'dark'] as const) await shootAll(shape, scheme, marta)
} finally {
  await browser.close()
  await relay.close()
}

async function shootAll(shape: Shape, colorScheme: 'light' | 'dark', marta: Page): Promise<void> {
  for (const [name, show] of Object.entries(STATES)) {
    if (only.length > 0 && !only.includes(name)) continue
    const { width, height, phone } = shape
    const profile = await browser.newContext({
      viewport: { width, height },
      colorScheme,
      hasTouch: phone,
      isMobile: phone,
      reducedMotion: name === 'lab' ? 'no-preference' : 'reduce',
    })
    const page = await openPage(profile, 'Jonas')
    await show(page, shape, marta)
    await page.waitForTimeout(900)
    await page.screenshot({ path: join(IMAGES, `${name}-${shape.name}-${colorScheme}.png`) })
    console.log(`${name}-${shape.name}-${colorScheme}.png`)
    await profile.close()
  }
}

async function openPage(profile: BrowserContext, name: string): Promise<Page> {
  const person = { name, color: name === 'Marta' ? '#8b3fa8' : '#0f766e' }
  await profile.addInitScript((stored) => localStorage.setItem('rejoin.person', JSON.stringify(stored)), person)
  const page = await profile.newPage()
  await page.goto(url)
  await page.getByText('Start here').first().waitFor()
  await page.locator('[data-testid="status-all"][data-connection="synced"]').waitFor()
  return page
}

async function openNote(page: Page, title: string): Promise<void> {
  await page.locator('.row-title', { hasText: title }).first().click()
  await page.getByTestId('editor').or(page.getByTestId('board')).waitFor()
}
