/**
 * Bounds on a single Yjs update and on a state vector (P7, P9). All are generous to what Yjs itself produces: they stop
 * what would cost memory or time out of proportion to its bytes, or spoil clocks for ever.
 */
export interface UpdateLimits {
  /** Bytes of one update. */
  readonly bytesMax: number
  /** Yjs client ids with structs, and client ids with deletions, in one update. */
  readonly clientsMax: number
  /** Ranges of the delete set of one update. */
  readonly deleteRangesMax: number
}

export const UPDATE_LIMITS: UpdateLimits = {
  /** A whole document travels as one bundle; a Durable Object has 128 MB for all that it does. */
  bytesMax: 32 * 1024 * 1024,
  /** 60 sessions a day for most of a year. A Y.Doc needs 1.6 s for so many clients that wait for something missing. */
  clientsMax: 16_384,
  /** 30 times what a paper of 260,000 edits has. Each costs a Y.Doc work on every later update while it waits. */
  deleteRangesMax: 100_000,
}

/** 1,000 edits a second for 34 years; far below 2^53, where counting on stops and a client id is dead for ever. */
export const CLOCK_MAX = 2 ** 40

/**
 * Clocks of one run of tombstones: a length that no bytes stand for. Yjs joins such runs without a bound, so 1 Mi would
 * refuse a document from which a megabyte of text was deleted.
 */
export const EMPTY_LENGTH_MAX = 2 ** 24

/** Names of types, map keys, formats and subdocuments: 32 times a long URL. They are names, content is not bounded by it. */
export const NAME_BYTES_MAX = 64 * 1024

/**
 * Root types that one update names, as many as a document may have, so that all of one may be joined: a Y.Doc needs 7 us for each.
 * Apps have a handful, some one for each thing that they show.
 */
export const ROOTS_PER_UPDATE_MAX = 32_768

/** Nesting of a value (JSON or lib0 `any`). Yjs recurses: from some thousands on, peers disagree who overflows first. */
export const VALUE_DEPTH_MAX = 64

/** A state vector: 4,096 sessions take 28 KiB. */
export const STATE_VECTOR_BYTES_MAX = 64 * 1024

/** Entries of a state vector. A peer that needs more asks for the whole document instead. */
export const STATE_VECTOR_ENTRIES_MAX = 4_096
