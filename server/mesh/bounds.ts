/** Every bound of a mesh, with its reason (P7). */

const MIB = 1024 * 1024

/** What is accepted within this time goes to a peer in one request: a person does not see it, and a commit is shared. */
export const PUSH_AFTER_MS = 20

/** Bytes of records in one push: more would keep the other's event loop for longer than a keystroke may wait. */
export const PUSH_BYTES_MAX = 256 * 1024
/** Records in one push: the time to judge them counts as well as their bytes. */
export const PUSH_RECORDS_MAX = 2_048

/** Entries behind a watermark up to which they are pushed; a peer that was away for longer compares, and gets them joined. */
export const PUSH_BACKLOG_MAX = 8_192

/** What an absent peer is owed is remembered within these bounds; then it is left to comparing. */
export interface HintLimits {
  hintMsMax: number
  /** Bytes of records behind the peer's watermark. */
  hintBytesMax: number
}

export const HINT_LIMITS: HintLimits = {
  // A long weekend.
  hintMsMax: 3 * 24 * 60 * 60_000,
  // What the log keeps of what a checkpoint stands for: past that it would be gone.
  hintBytesMax: 64 * MIB,
}

/** Documents asked for in one request: some 60 bytes each, and as many answers. */
export const MEND_DOCUMENTS_MAX = 256
/** Rounds for one document in which nothing new came: two are usual, more are a fault that the next comparing meets again. */
export const MEND_ROUNDS_MAX = 8

/** Bytes of a document, inflated, that is fetched whole to yield to its branch there: it is in memory for that. */
export const BRANCH_BYTES_MAX = 64 * MIB
/** Requests for that: each brings half a megabyte, deflated, or is the last. */
export const BRANCH_ROUNDS_MAX = 256
/** A fork that was met again is not asked about for so long: one side yields within a few requests, or cannot. */
export const FORK_AGAIN_MS = 10_000

/** Tries, with pauses up to half a minute, before a workspace waits to be told that the peer is back. */
export const TRIES_MAX = 6

/** A read waits for no longer than this for the other relays' versions; the document was shown long before. */
export const READ_REPAIR_MS = 1_000
/** A document that was held against the others is not again for so long: a page that is loaded anew asks nobody. */
export const READ_REPAIR_EVERY_MS = 10_000
/** Documents of which that is remembered. */
export const READ_REPAIRS_MAX = 10_000

/** What pushes did not confirm by then is asked for, document by document. */
export const CONFIRM_ASK_MS = 500
/** Clients that wait for other relays to hold something, per workspace. */
export const CONFIRMS_MAX = 10_000

/** Between two heartbeats to a peer: this on the average, with jitter of half of it. An absent relay is noticed within three. */
export const HEARTBEAT_MS = 10_000
/** A request between relays is given up after this. */
export const EXCHANGE_MS_MAX = 10_000
/** Failures in a row after which a peer is left alone for a while. */
export const FAILURES_MAX = 3
/** Longest pause between two comparisons with a peer that go on to find a difference: they grow rarer, up to this. */
export const COMPARE_AGAIN_MS_MAX = 5 * 60_000
/** Workspaces that are compared with one peer at once: the others do not wait for a large one. */
export const COMPARED_AT_ONCE_MAX = 4
/** Revocations that relays tell each other, the newest: some 40 bytes each, and only where they know different ones. */
export const REVOKED_TOLD_MAX = 16_384
/** Names that were noted so long before a push are told once more: the clock may have been put back by a little. */
export const CLAIMS_AGAIN_MS = 1_000
/** A relay that was learned of and has been silent for so long is no member any more. */
export const MEMBER_MS_MAX = 7 * 24 * 60 * 60_000
