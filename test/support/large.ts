/** Large documents of people, and how they are read: shared by the quick tests and the long ones. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { createMemoryReplicaStore } from '../../client/index.ts'
import { until } from './lifetime.ts'
import { begin } from './pages.ts'
import { openPerson, type Person, type PersonOptions } from './person.ts'
import { seeded } from './random.ts'
import { openTrace, replay } from './traces.ts'

export const MIB = 1024 * 1024
/** A page is busy for no longer at a time, apart from Yjs integrating one piece. */
const BUSY_MS_MAX = 100
const PARAGRAPH = 16_000
const BURST = 64
const WITHIN_MS = 240_000

/** Writes a text of so many bytes from a seed and waits until the relay has it; returns its length. */
export async function writeBytes(relay: string, document: string, bytes: number, seed: number): Promise<number> {
  const random = seeded(seed)
  const author = await openPerson({ relay, document, storage: 'memory' })
  const text = author.note.doc.getText('text')
  for (let n = 1; text.length < bytes; n++) {
    const words = Array.from({ length: PARAGRAPH / 8 }, () =>
      random(2 ** 36)
        .toString(36)
        .padStart(7, 'x'),
    )
    text.insert(random(4) === 0 ? random(text.length + 1) : text.length, `${words.join(' ')}\n`)
    if (n % BURST === 0) await author.saved('relay')
  }
  return leaveDelivered(author)
}

/** Types a session of so many transactions and waits until the relay has it; returns the length of the text. */
export async function typeEdits(relay: string, document: string, edits: number, seed: number): Promise<number> {
  const author = await openPerson({ relay, document, storage: 'memory' })
  const text = author.note.doc.getText('text')
  const trace = openTrace('automerge-paper', seed, edits)
  text.insert(0, trace.startContent)
  for (const [n, txn] of trace.txns.entries()) {
    replay(text, txn)
    if (n % 2_000 === 0) await author.saved('relay')
  }
  return leaveDelivered(author)
}

async function leaveDelivered(author: Person): Promise<number> {
  await author.note.saved('relay', { signal: AbortSignal.timeout(WITHIN_MS) })
  const { length } = author.note.doc.getText('text')
  await author.leave()
  return length
}

/** A Node client opens the document, and an edit of it reaches the relay. */
export async function readOnNode(relay: string, document: string, length: number): Promise<void> {
  const reader = await openPerson({ relay, document, storage: createMemoryReplicaStore({ durable: true }) })
  const text = reader.note.doc.getText('text')
  await until('a Node client has all of it', () => text.length === length, { withinMs: WITHIN_MS })
  text.insert(0, 'edited')
  await reader.saved('relay')
  text.delete(0, 6)
  await reader.saved('relay')
  await reader.leave()
}

/** How long a page could do nothing else, in all and because of one transaction of Yjs: milliseconds. */
export interface Busy {
  page: number
  yjs: number
}

/** A page fetches the document, edits it, and loads it again from its own storage. */
async function readInPage(
  context: BrowserContext,
  url: string,
  options: { relay: string; document: string },
  length: number,
): Promise<{ fetched: Busy; loaded: Busy }> {
  const page = await context.newPage()
  await page.goto(url)
  const fetched = await busyUntilRead(page, options, length)
  await page.evaluate(async () => {
    window.me.note.doc.getText('text').insert(0, 'edited')
    await window.me.saved('relay')
    window.me.note.doc.getText('text').delete(0, 6)
    await window.me.saved('relay')
    await window.me.leave()
  })
  await page.goto(url)
  const loaded = await busyUntilRead(page, { document: options.document }, length)
  expect(await page.evaluate(() => window.errors)).toEqual([])
  await page.close()
  return { fetched, loaded }
}

/** A machine that does much else stops a page for longer than the page's own work does: of three profiles the best one counts. */
export async function readResponsively(
  browser: Browser,
  url: string,
  options: { relay: string; document: string },
  length: number,
): Promise<{ fetched: Busy; loaded: Busy }> {
  for (let attempt = 1; ; attempt++) {
    const context = await browser.newContext()
    const busy = await readInPage(context, url, options, length)
    await context.close()
    const over = Object.values(busy).filter(({ page, yjs }) => page >= BUSY_MS_MAX + yjs)
    if (over.length === 0) return busy
    console.log('busy for too long at a time, ms:', JSON.stringify(over))
    expect(attempt, 'attempts').toBeLessThan(3)
  }
}

async function busyUntilRead(page: Page, options: PersonOptions, length: number): Promise<Busy> {
  await page.evaluate(() => window.watchGaps())
  await begin(page, options)
  const isThere = () => page.evaluate(() => window.me.note.doc.getText('text').length)
  await until('the page has all of it', async () => (await isThere()) === length, { withinMs: WITHIN_MS })
  return page.evaluate(() => window.gaps)
}
