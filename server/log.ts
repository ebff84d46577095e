/** What a relay tells its operator: a line of JSON per event, or a line of text for eyes. It does not know where it goes. */

export type LogLevel = 'info' | 'error'

/** Tells of one event. `fields` are plain values. */
export type Log = (level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>) => void

export interface LogOptions {
  /** Takes one line without its end. */
  write: (line: string) => void
  /** Lines of text instead of JSON. */
  human: boolean
  now: () => number
}

/** Of events that strangers can cause one of a kind is told in this time, with the number of those left out (P7). */
const LOG_EVENT_EVERY_MS = 1_000

export function createLog({ write, human, now }: LogOptions): Log {
  return (level, event, fields = {}) => {
    if (human) write([level === 'error' ? `error: ${event}` : event, ...Object.entries(fields).map(toText)].join('  '))
    else write(JSON.stringify({ time: new Date(now()).toISOString(), level, event, ...fields }))
  }
}

/** `log`, for events that may come in floods. */
export function atMostOften(log: Log, now: () => number): Log {
  const told = new Map<string, { at: number; left: number }>()
  return (level, event, fields = {}) => {
    const last = told.get(event)
    if (last !== undefined && Math.abs(now() - last.at) < LOG_EVENT_EVERY_MS) {
      last.left++
      return
    }
    told.set(event, { at: now(), left: 0 })
    log(level, event, last?.left ? { ...fields, leftOutBefore: last.left } : fields)
  }
}

const toText = ([name, value]: [string, unknown]): string =>
  `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`

/** An error as fields of an event. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return { ...code, message: error.message, stack: error.stack }
}
