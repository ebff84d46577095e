/**
 * How long a page could do nothing else, as the processor time of its tasks: what else the machine does takes real time from a page,
 * and none of this.
 */
import type { Page } from 'playwright-core'

/** Milliseconds of processor time. */
export interface Busy {
  /** Of the longest task. */
  longest: number
  /** Of the longest transaction of Yjs, which a page cannot part. */
  yjs: number
  /** Of all tasks together. */
  total: number
}

interface TraceEvent {
  name: string
  pid: number
  tid: number
  /** Processor time of its thread: when it begins, and how long it takes, in microseconds. */
  tts?: number
  tdur?: number
}

const CATEGORIES = ['disabled-by-default-devtools.timeline', 'blink.user_timing']

/** The page marks its transactions of Yjs between `YJS[0]` and `YJS[1]`; see test/e2e/page/main.ts. */
const YJS = ['yjs begins', 'yjs ends'] as const

/** What of the page's main thread `act` takes. */
export async function busyDuring(page: Page, act: () => Promise<void>): Promise<Busy> {
  const session = await page.context().newCDPSession(page)
  const events: TraceEvent[] = []
  session.on('Tracing.dataCollected', ({ value }) => void events.push(...(value as unknown as TraceEvent[])))
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: CATEGORIES, excludedCategories: ['*'] },
  })
  await page.evaluate(() => window.markTransactions())
  await act()
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.end')
  await complete
  await session.detach()
  return sumUp(events)
}

function sumUp(events: readonly TraceEvent[]): Busy {
  const marks = events
    .filter(({ name }) => name === YJS[0] || name === YJS[1])
    .sort((a, b) => (a.tts ?? 0) - (b.tts ?? 0))
  const [{ pid, tid } = {}] = marks
  const tasks = events.filter((event) => event.name === 'RunTask' && event.pid === pid && event.tid === tid)
  const total = sum(tasks.map(({ tdur = 0 }) => tdur / 1_000))
  if (total === 0) throw new Error('the browser tells no processor time of the page')
  const longest = Math.max(...tasks.map(({ tdur = 0 }) => tdur / 1_000))
  const yjs = marks.map(({ name, tts = 0 }, at) => (name === YJS[1] ? (tts - (marks[at - 1]?.tts ?? tts)) / 1_000 : 0))
  return { longest, yjs: Math.max(...yjs), total }
}

const sum = (values: readonly number[]): number => values.reduce((before, value) => before + value, 0)
