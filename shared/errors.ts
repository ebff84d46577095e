/**
 * The closed set of error codes (P5: nothing fails without one), and what each asks for. As what they travel, and how they end a
 * connection, is in `error-numbers.ts`: who only reads and stores does without.
 */

/** What to do where trying the same again cannot help; right at a relay, on a device, and for whoever reads it of the other side. */
const FINAL = {
  version: 'update the older side: no protocol version is known to both',
  'too-big': 'split it: it is larger than the relay accepts',
  'invalid-update': 'give a valid Yjs v1 update, within its limits',
  'invalid-id':
    'use text without control characters: 1 to 512 bytes for a document, 1 to 80 without slashes for a workspace',
  forbidden: 'ask for a permission that allows this',
  'origin-refused': 'add the page to the allowed origins of the relay',
  'storage-unavailable': "'indexeddb' and stores of your own keep what they are given; storage: 'memory' does without",
  'wrong-epoch': 'the document was deleted meanwhile: open it again',
  closed: 'open it again',
  unacknowledged: 'wait for the relay, or force and lose the edits',
  'bad-option': 'see the documentation of the option',
  unauthenticated: 'give a token that this relay knows, for this workspace',
  deleted: 'open it again for a new document',
} as const satisfies Record<string, string>

/** Where it can: what to do, and what Rejoin does by itself. */
const PASSING = {
  'bad-frame': 'the bytes were damaged or cut on the way; the client reconnects',
  protocol: 'one side breaks the protocol: update both, else report it',
  gap: 'what is before it has to come first; the client sends it',
  fork: 'one name has two contents; the client keeps both, its own renamed',
  dependency: 'what it builds on has to come first; the client sends it',
  'storage-full': 'make room there; it is tried again',
  'storage-failed': 'see what the browser, or the log of the relay, says of it; it is tried again',
  'slow-reader': 'the client reconnects, and reads on',
  overloaded: 'a bound of the relay is reached: it is tried again, or raise it',
  corrupt: 'a checksum failed; what others hold of it is fetched again',
  timeout: 'the other side was silent; the client comes back',
  stopping: 'the relay restarts; the client comes back',
  'token-expired': 'the client comes back with a new token',
  foreign: 'only who wrote it can send it: it waits for that one, or for another relay',
  unproven: 'what it rests on is known no more: it is fetched whole, and compared',
  fenced: 'another tab has taken over, and sends what is here',
  outdated: 'a newer version of the app opened this storage: reload the page',
  'not-loaded': 'code of the app did not arrive: it is tried again; reload the page',
  'not-here': 'it left this device to make room: open it while online, and it comes back',
} as const satisfies Record<string, string>

const REMEDIES = { ...FINAL, ...PASSING }

export type ErrorCode = keyof typeof REMEDIES

/** Every error that Rejoin raises or rejects with. `message` says what happened, then what to do. */
export class RejoinError extends Error {
  override readonly name = 'RejoinError'
  readonly code: ErrorCode
  /** What happened, without what to do: the `detail` that travels, and that status and branches show. */
  readonly detail: string

  constructor(code: ErrorCode, what: string, options?: ErrorOptions) {
    const detail = withoutRemedy(code, what)
    super(`${detail} (${code}: ${REMEDIES[code]})`, options)
    this.code = code
    this.detail = detail
  }

  /** What to do, and what Rejoin does by itself. */
  get remedy(): string {
    return REMEDIES[this.code]
  }

  /** Trying the same again cannot help. */
  get final(): boolean {
    return isFinal(this.code)
  }
}

/** What happened, of a message that may end in its code and a remedy, as details of other sides do. */
export function withoutRemedy(code: ErrorCode, message: string): string {
  const at = message.indexOf(` (${code}: `)
  return at > 0 && message.endsWith(')') ? message.slice(0, at) : message
}

/** Whether trying again cannot cure an error of this code. */
export const isFinal = (code: ErrorCode): boolean => code in FINAL

/** The storage of this device, or what mends it, fails for now: what is done without it goes on. */
export const isOfStorage = ({ code }: RejoinError): boolean =>
  code === 'storage-full' || code === 'storage-failed' || code === 'outdated' || code === 'not-loaded'

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
