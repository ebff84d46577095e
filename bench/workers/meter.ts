/** What an object reads, writes and waits for, as the platform bills it: counted for all objects of the script, which share an isolate here. */
import type { Meter } from '../systems/metered.ts'

export const meter: Meter = { rowsRead: 0, rowsWritten: 0, bytesWritten: 0, messages: 0, calls: 0, awakeMs: 0 }

let open = 0
let since = 0

function begin(): void {
  if (open++ === 0) since = performance.now()
}

function end(): void {
  if (--open === 0) meter.awakeMs += performance.now() - since
}

/** Timers keep an object awake. */
export function meterTimers(): void {
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout]
  const pending = new Set<unknown>()
  const done = (timer: unknown): void => {
    if (pending.delete(timer)) end()
  }
  const metered = (callback: () => void, delayMs?: number) => {
    begin()
    const timer = set(() => {
      try {
        callback()
      } finally {
        done(timer)
      }
    }, delayMs)
    pending.add(timer)
    return timer
  }
  Object.assign(globalThis, {
    setTimeout: metered,
    clearTimeout(timer: Parameters<typeof clear>[0]) {
      clear(timer)
      done(timer)
    },
  })
}

/** Counts what statements of this object read and write. */
export function meterRows({ sql }: DurableObjectStorage): void {
  const exec = sql.exec.bind(sql)
  const counted = (query: string, ...values: unknown[]) => {
    const cursor = exec(query, ...values)
    const rows = cursor.toArray()
    meter.rowsRead += cursor.rowsRead
    meter.rowsWritten += cursor.rowsWritten
    if (cursor.rowsWritten > 0) for (const value of values) meter.bytesWritten += sizeOf(value)
    return Object.assign(rows[Symbol.iterator](), { rowsRead: 0, rowsWritten: 0, toArray: () => rows })
  }
  Object.defineProperty(sql, 'exec', { configurable: true, value: counted })
}

const sizeOf = (value: unknown): number =>
  value instanceof Uint8Array || value instanceof ArrayBuffer ? value.byteLength : 8

/** Counts the events of this object. */
export function meterEvents(object: object): void {
  for (const name of ['fetch', 'alarm', 'webSocketMessage', 'webSocketClose'] as const) {
    const handle = (object as Partial<Record<string, (...args: unknown[]) => unknown>>)[name]?.bind(object)
    if (handle === undefined) continue
    const metered = async (...args: unknown[]) => {
      begin()
      if (name === 'webSocketMessage') meter.messages++
      else meter.calls++
      try {
        return await handle(...args)
      } finally {
        end()
      }
    }
    Object.defineProperty(object, name, { value: metered })
  }
}
