/**
 * What the statements of `schema` run on: SQLite, as a runtime offers it. Blobs come as `Uint8Array` and go in as such; calls
 * are synchronous.
 */
import type { Row } from './rows.ts'

export type SqlValue = string | number | null | Uint8Array

export interface Statement {
  /** The first row. */
  get(...values: SqlValue[]): Row | undefined
  all(...values: SqlValue[]): Row[]
  /** Rows as they are asked for. */
  iterate(...values: SqlValue[]): Iterable<Row>
  run(...values: SqlValue[]): void
}

export interface Database {
  /** Runs statements one after the other. */
  exec(text: string): void
  prepare(text: string): Statement
  /** All that `write` does, or, where it or the commit throws, nothing. When it returns a crash cannot take it, or nobody is told before that. */
  transact<Result>(write: () => Result): Result
  /** Whether what was thrown says that there is no room. */
  isFull(error: unknown): boolean
  /** Whether it says that pages do not fit one another: also of a name that is there already, which is asked before it is written. */
  isMalformed(error: unknown): boolean
  /** Gives back some pages that nothing uses; whether there are more. */
  shrink(pages: number): boolean
  close(): void
}
