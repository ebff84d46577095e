/** What a digest session is to its callers: options, steps, results. `reconcile.ts` makes them. */
import type { Environment } from '../environment.ts'
import type { HashKey } from '../hash.ts'
import type { DigestElement } from './element.ts'
import type { DigestMessage } from './messages.ts'
import type { DigestSummary } from './summary.ts'

export interface ReconcilerOptions {
  /**
   * The elements of the scope, frozen: the same each time, in any order (`frozen.ts` helps). Gone through only where a
   * summary is not enough; see `needsElements`.
   */
  elements(): Iterable<DigestElement>
  randomBytes: Environment['randomBytes']
}

export interface ResponderOptions extends ReconcilerOptions {
  /** The summary of the same elements; not to change while the session lasts. */
  summary: DigestSummary
}

export interface InitiatorOptions extends ReconcilerOptions {
  /** The summary that this side keeps under the responder's key, if it does. Otherwise one is built from the elements. */
  summaryFor?(key: HashKey): DigestSummary | undefined
}

/** What differs, and what it took. */
export interface DigestResult {
  /** Documents that one side lacks or holds in another version; both sides have the same set. */
  differing: ReadonlySet<string>
  /** Messages of the initiator, names and the closing `agreed` aside: each ends a round trip that the responder began. */
  roundTrips: number
  /** The summary given is not that of the elements: build it anew. Seen only where the elements were needed. */
  summaryWrong: boolean
}

export interface DigestStep {
  send: DigestMessage[]
  /** The session is over. */
  result?: DigestResult
}

export interface Reconciler {
  /** What to send before anything comes: hello, or nothing. Call it once. Raises `too-big` beyond `ELEMENTS_MAX`. */
  start(): DigestMessage[]
  /** Raises `protocol` for a message out of turn; then the session is over without a result. */
  receive(message: DigestMessage): DigestStep
  /** Whether `receive` may go through the elements: for callers that must fetch them first. */
  needsElements(message: DigestMessage): boolean
}
