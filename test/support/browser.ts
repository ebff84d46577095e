/** Chromium for tests: launched with the same flags everywhere, and killed as a crash kills it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, type BrowserContext, chromium, type LaunchOptions } from 'playwright-core'
import { findBrowser } from '../../tools/browser.ts'

/** Nothing that talks to the network by itself, nothing that needs a display. */
const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The kernel ends killed processes at once; a zombie that nobody reaps holds no file, and is not waited for. */
const endOfProcessesMs = 2_000

/** The leader of each browser's process group: Playwright starts every browser in a group of its own. */
const groups = new WeakMap<Browser, number>()

/**
 * A headless browser with a profile in memory; each `newContext()` is a profile of its own. `keepsPages`: for the back button, as
 * people have it; Playwright turns that off.
 */
export async function launchBrowser({ keepsPages = false } = {}): Promise<Browser> {
  const ignoreDefaultArgs = keepsPages ? ['--disable-back-forward-cache'] : []
  const browser = await chromium.launch({ ...launchOptions(), ignoreDefaultArgs })
  await rememberGroup(browser)
  return browser
}

/** A headless browser with its profile in `folder`, which is made if it is missing and can be launched again. */
export async function launchPersistent(folder: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(folder, launchOptions())
  await rememberGroup(browserOf(context))
  return context
}

/** SIGKILL to every process of the browser, before this function first waits; resolves when they are gone. */
export async function killBrowser(target: Browser | BrowserContext): Promise<void> {
  const browser = 'contexts' in target ? target : browserOf(target)
  const group = groups.get(browser)
  if (group === undefined) throw new Error('killBrowser: not launched by launchBrowser or launchPersistent')
  const disconnected = new Promise((resolve) => browser.once('disconnected', resolve))
  process.kill(-group, 'SIGKILL')
  if (browser.isConnected()) await disconnected
  for (let waitedMs = 0; waitedMs < endOfProcessesMs && groupLives(group); waitedMs += 10) await sleep(10)
}

function launchOptions(): LaunchOptions {
  const executablePath = findBrowser()
  if (executablePath === undefined) throw new Error('no Chromium found: `node tools/browser.ts` installs one')
  const hasSandbox = process.getuid?.() !== 0 && !process.env.CI
  return { executablePath, headless: true, chromiumSandbox: hasSandbox, args: flags }
}

function browserOf(context: BrowserContext): Browser {
  const browser = context.browser()
  if (browser === null) throw new Error('this context has no browser of its own')
  return browser
}

async function rememberGroup(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const main = processInfo.find((process) => process.type === 'browser')
  if (main === undefined) throw new Error('the browser does not tell its process id')
  groups.set(browser, main.id)
}

function groupLives(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch {
    return false
  }
}
