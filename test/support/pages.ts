/** The pages that tests open: built once per file, served by the relay under test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll } from 'vitest'
import { launchBrowser } from './browser.ts'
import type { PersonOptions } from './person.ts'

const EMPTY_PAGE = fileURLToPath(new URL('../e2e/page', import.meta.url))

/** Builds the page in `root`, by default the empty one; returns the folder of the build, which is gone after the file's tests. */
export async function buildPages(root = EMPTY_PAGE): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'rejoin-pages-'))
  afterAll(() => rmSync(outDir, { recursive: true, force: true }))
  await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } })
  return outDir
}

/** A browser, and the pages in `root` built, for all tests of a file. */
export async function launchPages(root = EMPTY_PAGE): Promise<{ browser: Browser; pages: string }> {
  const browser = await launchBrowser()
  afterAll(() => browser.close())
  return { browser, pages: await buildPages(root) }
}

/** A tab in which `me` has begun; see test/e2e/page/main.ts. */
export async function openPage(context: BrowserContext, url: string, options: PersonOptions): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await begin(page, options)
  return page
}

export async function begin(page: Page, options: PersonOptions): Promise<void> {
  await page.evaluate((given) => window.begin(given), options)
}

export const jsonOf = (page: Page): Promise<string> => page.evaluate(() => window.me.json())
