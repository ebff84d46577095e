/**
 * The closed set of error codes (P5: nothing fails without one). A code's number is what travels; numbers are never
 * reused. `final` says that trying the same again cannot help; `close` is the WebSocket close code where the error ends
 * a connection (44xx: do not reconnect by yourself, everything else: reconnect with backoff).
 */

interface Code {
  number: number
  final: boolean
  close: number
  /** What to do, and what Rejoin does by itself; right at a relay, on a device, and for whoever reads it of the other side. */
  remedy: string
}

const CODES = {
  'bad-frame': {
    number: 1,
    final: false,
    close: 1007,
    remedy: 'the bytes were damaged or cut on the way; the client reconnects',
  },
  protocol: {
    number: 2,
    final: false,
    close: 1002,
    remedy: 'one side breaks the protocol: update both, and report it if that does not help',
  },
  version: {
    number: 3,
    final: true,
    close: 4400,
    remedy: 'update the older side: no protocol version is known to both',
  },
  'too-big': { number: 4, final: true, close: 1009, remedy: 'split it: it is larger than the relay accepts' },
  'invalid-update': {
    number: 5,
    final: true,
    close: 1008,
    remedy: 'give a valid Yjs v1 update, within the limits of one',
  },
  'invalid-id': {
    number: 6,
    final: true,
    close: 4404,
    remedy:
      'use text without control characters: 1 to 512 bytes for a document, 1 to 80 without slashes for a workspace',
  },
  gap: {
    number: 7,
    final: false,
    close: 1002,
    remedy: 'what is missing before it has to come first; the client sends it',
  },
  fork: {
    number: 8,
    final: false,
    close: 1002,
    remedy: 'one name has two contents; the client keeps both, its own under a new name',
  },
  dependency: {
    number: 9,
    final: false,
    close: 1002,
    remedy: 'what it builds on has to come first; the client sends it where it has it',
  },
  forbidden: { number: 10, final: true, close: 4403, remedy: 'ask for a permission that allows this' },
  'origin-refused': {
    number: 11,
    final: true,
    close: 4403,
    remedy: 'add the page to the allowed origins of the relay',
  },
  'storage-full': { number: 12, final: false, close: 1013, remedy: 'make room there; it is tried again' },
  'storage-failed': {
    number: 13,
    final: false,
    close: 1011,
    remedy: 'see what the browser, or the log of the relay, says of it; it is tried again',
  },
  'storage-unavailable': {
    number: 14,
    final: true,
    close: 1011,
    remedy: "'indexeddb' and stores of your own keep what they are given; storage: 'memory' does without",
  },
  'slow-reader': {
    number: 15,
    final: false,
    close: 1013,
    remedy: 'the client reconnects and reads on where it stopped',
  },
  overloaded: {
    number: 16,
    final: false,
    close: 1013,
    remedy: 'a bound of the relay is reached: it is tried again later, or raise it',
  },
  'wrong-epoch': {
    number: 17,
    final: true,
    close: 1008,
    remedy: 'the document was deleted or created anew meanwhile: open it again',
  },
  corrupt: {
    number: 18,
    final: false,
    close: 1011,
    remedy: 'a checksum failed; what others hold of it is fetched again',
  },
  closed: { number: 19, final: true, close: 1000, remedy: 'open the workspace or document again' },
  timeout: {
    number: 20,
    final: false,
    close: 1001,
    remedy: 'the other side was silent for too long; the client tries again',
  },
  stopping: { number: 21, final: false, close: 1012, remedy: 'the relay restarts; the client comes back' },
  unacknowledged: { number: 22, final: true, close: 1000, remedy: 'wait for the relay, or force and lose the edits' },
  'bad-option': { number: 23, final: true, close: 4400, remedy: 'see the documentation of the option' },
  unauthenticated: {
    number: 31,
    final: true,
    close: 4401,
    remedy: 'give a token that this relay knows, for this workspace',
  },
  'token-expired': {
    number: 32,
    final: false,
    close: 1008,
    remedy: 'the client asks for a new token and comes back; what is not sent yet is kept',
  },
  foreign: {
    number: 33,
    final: false,
    close: 1008,
    remedy: 'only who wrote it can send it: it waits for that one, or for another relay',
  },
  deleted: { number: 24, final: true, close: 4410, remedy: 'the document was deleted: open it again for a new one' },
  unproven: {
    number: 28,
    final: false,
    close: 1002,
    remedy: 'what it rests on is known no more; the relay that is behind fetches the document whole and compares it',
  },
  fenced: {
    number: 25,
    final: false,
    close: 1000,
    remedy: 'another tab of this profile has taken over: it sends what is here, and nothing is lost',
  },
  outdated: {
    number: 26,
    final: false,
    close: 1011,
    remedy: 'a newer version of the app has opened this storage: reload the page',
  },
  'not-loaded': {
    number: 34,
    final: false,
    close: 1000,
    remedy: "a part of the app's code did not arrive: it is tried again, and a page that is loaded anew has it",
  },
  'not-here': {
    number: 27,
    final: false,
    close: 1000,
    remedy: 'it left this device to make room: open it while a relay is reached, and it comes back',
  },
} as const satisfies Record<string, Code>

export type ErrorCode = keyof typeof CODES

/** Every error that Rejoin raises or rejects with. `message` says what happened, then what to do. */
export class RejoinError extends Error {
  override readonly name = 'RejoinError'
  readonly code: ErrorCode
  /** What happened, without what to do: the `detail` that travels, and that status and branches show. */
  readonly detail: string

  constructor(code: ErrorCode, what: string, options?: ErrorOptions) {
    const detail = withoutRemedy(code, what)
    super(`${detail} (${code}: ${CODES[code].remedy})`, options)
    this.code = code
    this.detail = detail
  }

  /** What to do, and what Rejoin does by itself. */
  get remedy(): string {
    return CODES[this.code].remedy
  }

  /** Trying the same again cannot help. */
  get final(): boolean {
    return CODES[this.code].final
  }
}

/** What happened, of a message that may end in its code and a remedy, as details of other sides do. */
export function withoutRemedy(code: ErrorCode, message: string): string {
  const at = message.indexOf(` (${code}: `)
  return at > 0 && message.endsWith(')') ? message.slice(0, at) : message
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

/** The storage of this device, or what mends it, fails for now: what is done without it goes on. */
export const isOfStorage = ({ code }: RejoinError): boolean =>
  code === 'storage-full' || code === 'storage-failed' || code === 'outdated' || code === 'not-loaded'

/** What was given as an update is none that a relay would take. */
export const isNoUpdate = (error: unknown): error is RejoinError =>
  error instanceof RejoinError && (error.code === 'invalid-update' || error.code === 'too-big')

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
