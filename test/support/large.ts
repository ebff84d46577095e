/** Large documents of people, and how they are read: shared by the quick tests and the long ones. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { createMemoryReplicaStore } from '../../client/index.ts'
import { type Busy, busyDuring } from './busy.ts'
import { until } from './lifetime.ts'
import { begin } from './pages.ts'
import { openPerson, type Person, type PersonOptions } from './person.ts'
import { seeded } from './random.ts'
import { openTrace, replay } from './traces.ts'

export const MIB = 1024 * 1024
/** A page is busy for no longer at a time, apart from Yjs integrating one piece: processor time. */
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

/** A page reads the document, twice, and is not busy for long at a time. */
export async function readResponsively(
  browser: Browser,
  url: string,
  options: { relay: string; document: string },
  length: number,
): Promise<{ fetched: Busy; loaded: Busy }> {
  const context = await browser.newContext()
  const busy = await readInPage(context, url, options, length)
  await context.close()
  for (const { longest, yjs } of Object.values(busy)) {
    expect(longest, `the longest task: ${JSON.stringify(busy)}`).toBeLessThan(BUSY_MS_MAX + yjs)
  }
  return busy
}

function busyUntilRead(page: Page, options: PersonOptions, length: number): Promise<Busy> {
  return busyDuring(page, async () => {
    await begin(page, options)
    const isThere = () => page.evaluate(() => window.me.note.doc.getText('text').length)
    await until('the page has all of it', async () => (await isThere()) === length, { withinMs: WITHIN_MS })
  })
}
