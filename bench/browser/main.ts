/**
 * `npm run bench -- browser`: Rejoin beside y-indexeddb in the same Chromium, in turns, each time with a new profile on disk. The
 * median of the rounds counts. Loading and opening are
 * measured in a browser that was started again, and once more in the same page: `first` has the start of the browser's storage in it.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { build, preview } from 'vite'
import { findBrowser } from '../../tools/browser.ts'
import { atLeast, atMostTimesPeer, type Figure, printFigures } from '../table.ts'

const ROUNDS = 3
const EDITS = 10_000
const DOCUMENTS = 1_000
/** Times that the same is done again in a page; the median counts. */
const AGAIN = 5
/** Each after the browser has closed the connection to the database. */
const CLOSED = 6

type System = 'Rejoin' | 'YIndexeddb'
const SYSTEMS: readonly System[] = ['Rejoin', 'YIndexeddb']

interface Figures {
  committedMs: number
  typedUs: number
  bytes: number
  firstLoadMs: number
  loadMs: number
  firstOpenMs: number
  openMs: number
  /** Of `CLOSED` edits. */
  stored: number
}

/** In a profile of its own, so that the bytes are this system's; a browser that is started again has nothing in memory. */
async function measure(system: System, url: string, folder: string): Promise<Figures> {
  const profile = join(folder, `${system}-${Math.random()}`)
  const isRejoin = system === 'Rejoin'
  const stored = await inBrowser(profile, url, (page) =>
    page.evaluate(([rejoin, edits]) => (rejoin ? window.storeByRejoin(edits) : window.storeByYIndexeddb(edits)), [
      isRejoin,
      EDITS,
    ] as const),
  )
  const bytes = bytesIn(join(profile, 'Default', 'IndexedDB'))
  const load = (page: Page): Promise<number> =>
    page.evaluate((rejoin) => (rejoin ? window.loadByRejoin() : window.loadByYIndexeddb()), isRejoin)
  const [firstLoadMs, loadMs] = await inBrowser(profile, url, (page) => firstAndAgain(() => load(page)))
  await inBrowser(profile, url, (page) =>
    page.evaluate(
      ([rejoin, count]) => (rejoin ? window.writeManyByRejoin(count) : window.writeManyByYIndexeddb(count)),
      [isRejoin, DOCUMENTS] as const,
    ),
  )
  const open = (page: Page): Promise<number> =>
    page.evaluate(([rejoin, count]) => (rejoin ? window.openManyByRejoin() : window.openManyByYIndexeddb(count)), [
      isRejoin,
      DOCUMENTS,
    ] as const)
  const [firstOpenMs, openMs] = await inBrowser(profile, url, (page) => firstAndAgain(() => open(page)))
  const kept = await inBrowser(profile, url, (page) =>
    page.evaluate(
      ([rejoin, edits]) => (rejoin ? window.closedUnderRejoin(edits) : window.closedUnderYIndexeddb(edits)),
      [isRejoin, CLOSED] as const,
    ),
  )
  return { ...stored, bytes, firstLoadMs, loadMs, firstOpenMs, openMs, stored: kept }
}

async function firstAndAgain(work: () => Promise<number>): Promise<readonly [first: number, again: number]> {
  const first = await work()
  const again: number[] = []
  for (let time = 0; time < AGAIN; time++) again.push(await work())
  return [first, median(again)]
}

async function inBrowser<R>(profile: string, url: string, work: (page: Page) => Promise<R>): Promise<R> {
  const options = { executablePath: findBrowser(), chromiumSandbox: false }
  const context: BrowserContext = await chromium.launchPersistentContext(profile, options)
  try {
    const page = await context.newPage()
    await page.goto(url)
    await page.waitForFunction(() => window.storeByRejoin !== undefined)
    return await work(page)
  } finally {
    await context.close()
  }
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const folder = mkdtempSync(join(tmpdir(), 'rejoin-bench-'))
try {
  const root = import.meta.dirname
  const outDir = join(folder, 'page')
  await build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } })
  const server = await preview({ root, logLevel: 'error', build: { outDir }, preview: { host: '127.0.0.1', port: 0 } })
  const url = server.resolvedUrls?.local[0] ?? ''
  const ours: Figures[] = []
  const theirs: Figures[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const system of SYSTEMS) (system === 'Rejoin' ? ours : theirs).push(await measure(system, url, folder))
  }
  await server.close()
  const row = (work: string, what: string, key: keyof Figures, factor: number): Figure => ({
    work,
    what,
    rejoin: median(ours.map((each) => each[key])),
    peer: median(theirs.map((each) => each[key])),
    goal: atMostTimesPeer(factor),
  })
  const documents = `${DOCUMENTS.toLocaleString('en-US')} documents`
  const edits = `${EDITS.toLocaleString('en-US')} edits`
  printFigures('documents on a device, in Chromium', 'y-indexeddb', [
    row(edits, 'all committed, ms', 'committedMs', 1 / 3),
    row(edits, 'typing, us each', 'typedUs', 0.5),
    row(edits, 'bytes on disk', 'bytes', 1),
    row(edits, 'load, ms, browser just started', 'firstLoadMs', 1),
    row(edits, 'load, ms, again', 'loadMs', 1),
    { ...row(documents, 'open the workspace, ms, browser just started', 'firstOpenMs', 1), goal: undefined },
    row(documents, 'open the workspace, ms, again', 'openMs', 0.1),
    {
      work: `${CLOSED} edits`,
      what: 'stored, each after its database was closed',
      rejoin: median(ours.map((each) => each.stored)),
      peer: median(theirs.map((each) => each.stored)),
      goal: atLeast(CLOSED),
    },
  ])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
