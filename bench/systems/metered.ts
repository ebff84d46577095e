/** What `bench/workers/meter.ts` counts, as others read it. */
export interface Meter {
  rowsRead: number
  rowsWritten: number
  /** Bytes handed to statements that write. */
  bytesWritten: number
  /** Messages of WebSockets. */
  messages: number
  /** Calls, alarms and WebSockets that began. */
  calls: number
  /** Milliseconds in which an event or a timer was open, apart from computing, in which clocks stand still here. */
  awakeMs: number
}
