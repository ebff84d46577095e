/**
 * The closed set of error codes (P5: nothing fails without one). A code's number is what travels; numbers are never
 * reused. `final` says that trying the same again cannot help; `close` is the WebSocket close code where the error ends
 * a connection (44xx: do not reconnect by yourself, everything else: reconnect with backoff).
 */

interface Code {
  number: number
  final: boolean
  close: number
  remedy: string
}

const CODES = {
  'bad-frame': { number: 1, final: false, close: 1007, remedy: 'reconnect; the bytes were damaged or cut on the way' },
  protocol: { number: 2, final: false, close: 1002, remedy: 'a message came where the protocol does not allow it' },
  version: {
    number: 3,
    final: true,
    close: 4400,
    remedy: 'update the older side: no protocol version is known to both',
  },
  'too-big': { number: 4, final: true, close: 1009, remedy: 'split the change: it is larger than the relay accepts' },
  'invalid-update': {
    number: 5,
    final: true,
    close: 1008,
    remedy: 'the bytes are no valid Yjs v1 update within limits',
  },
  'invalid-id': {
    number: 6,
    final: true,
    close: 4404,
    remedy: 'use 1 to 512 bytes of text without control characters',
  },
  gap: { number: 7, final: false, close: 1002, remedy: 'send the records that are missing before this one' },
  fork: { number: 8, final: false, close: 1002, remedy: 'one dot has two contents: take a new origin and seal again' },
  dependency: { number: 9, final: false, close: 1002, remedy: 'send the updates that this one builds on first' },
  forbidden: { number: 10, final: true, close: 4403, remedy: 'ask for a permission that allows this' },
  'origin-refused': {
    number: 11,
    final: true,
    close: 4403,
    remedy: 'add the page to the allowed origins of the relay',
  },
  'storage-full': { number: 12, final: false, close: 1013, remedy: 'free space at the relay; the client tries again' },
  'storage-failed': {
    number: 13,
    final: false,
    close: 1011,
    remedy: 'see the log of the relay; the client tries again',
  },
  'storage-unavailable': { number: 14, final: true, close: 1011, remedy: "choose storage: 'memory' or give a store" },
  'slow-reader': { number: 15, final: false, close: 1013, remedy: 'reconnect; what was missed is read from the log' },
  overloaded: { number: 16, final: false, close: 1013, remedy: 'reconnect later; a bound of the relay is reached' },
  'wrong-epoch': { number: 17, final: true, close: 1008, remedy: 'the document was deleted or created anew meanwhile' },
  corrupt: { number: 18, final: false, close: 1011, remedy: 'a checksum failed; the record is asked for again' },
  closed: { number: 19, final: true, close: 1000, remedy: 'open the workspace or document again' },
  timeout: { number: 20, final: false, close: 1001, remedy: 'reconnect; the other side was silent for too long' },
  stopping: { number: 21, final: false, close: 1012, remedy: 'reconnect; the relay restarts' },
  unacknowledged: { number: 22, final: true, close: 1000, remedy: 'wait for the relay, or force and lose the edits' },
  'bad-option': { number: 23, final: true, close: 4400, remedy: 'see the documentation of the option' },
} as const satisfies Record<string, Code>

export type ErrorCode = keyof typeof CODES

/** Every error that Rejoin raises or rejects with. `message` says what happened, then what to do. */
export class RejoinError extends Error {
  override readonly name = 'RejoinError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, what: string, options?: ErrorOptions) {
    super(`${what} (${code}: ${CODES[code].remedy})`, options)
    this.code = code
  }

  /** Trying the same again cannot help. */
  get final(): boolean {
    return CODES[this.code].final
  }
}

const byNumber = new Map<number, ErrorCode>(
  (Object.keys(CODES) as ErrorCode[]).map((code) => [CODES[code].number, code]),
)

/** The number under which a code travels. */
export const errorNumber = (code: ErrorCode): number => CODES[code].number

/** The code for a number from the wire; `undefined` for one that this version does not know. */
export const errorCode = (number: number): ErrorCode | undefined => byNumber.get(number)

/** The WebSocket close code for an error that ends a connection. */
export const closeCode = (code: ErrorCode): number => CODES[code].close

/** Whether an error of this code can be cured by trying again. */
export const isFinal = (code: ErrorCode): boolean => CODES[code].final

/** Any thrown value as a RejoinError, so that nothing leaves without a code. */
export function toRejoinError(thrown: unknown, code: ErrorCode, what: string): RejoinError {
  if (thrown instanceof RejoinError) return thrown
  return new RejoinError(code, `${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
    cause: thrown,
  })
}

/** For what only a mistake in our own code can break; stays on in production. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`Rejoin: assertion failed: ${what}. Please report this.`)
}
