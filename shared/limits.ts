/**
 * Every bound that client and server share, with its reason (P7). Bounds of ids are in first-limits, those of one update's inside in
 * update/limits.
 * Relays may lower or raise what `RelayLimits` names; the rest is part of protocol version 1.
 */

export * from './first-limits.ts'

const KIB = 1024

/** Largest frame either side sends or accepts; one WebSocket message. Durable Objects once took no more. */
export const FRAME_BYTES_MAX = KIB * KIB

/** Largest update in one record: a frame less its heads. */
export const UPDATE_BYTES_MAX = FRAME_BYTES_MAX - 4 * KIB

/** Bytes of one piece of a checkpoint when inflated, where its structs allow: what is sent again after a cut, or applied at a time. */
export const PIECE_BYTES_TARGET = 256 * KIB

/** Most pieces of one transfer: 16 GiB of them. */
export const PIECES_MAX = 65_536

/** Inflated bytes of a document up to which its content is compared in the background: they are in memory for that. */
export const CONTENT_CHECK_BYTES_MAX = 16 * KIB * KIB

/** Bytes of one part of a digest message: others get through in between. */
export const DIGEST_PART_BYTES_MAX = 256 * KIB

/** Largest digest message, all parts together: the list of as many documents as a digest compares. */
export const DIGEST_BYTES_MAX = 64 * KIB * KIB

/** A sender starts a new frame past this: small enough to let other documents through, large enough to be cheap. */
export const FRAME_BYTES_TARGET = 64 * KIB

/** Most messages in one frame: bounds the work that one frame can ask for. */
export const FRAME_MESSAGES_MAX = 4096

/** Most origins in a version vector on the wire: 18 bytes each, so it fits a frame with room to spare. */
export const VECTOR_ORIGINS_MAX = 32_768

/** Longest token in the first frame. */
export const TOKEN_BYTES_MAX = 8 * KIB

/** Largest frame with a hello: its token, and the rest of it. */
export const HELLO_BYTES_MAX = TOKEN_BYTES_MAX + KIB

/** Longest detail text of an error on the wire. */
export const DETAIL_BYTES_MAX = 512

/** Largest awareness message: what hundreds of people with cursors need. */
export const AWARENESS_BYTES_MAX = 64 * KIB

/** Largest awareness state of one Yjs client, JSON text included. */
export const AWARENESS_STATE_BYTES_MAX = 4 * KIB

/** A sender waits for acknowledgements past this many bytes on their way: bounds what a relay has to queue for a commit. */
export const UNACKNOWLEDGED_BYTES_MAX = 4 * KIB * KIB

/** Version vectors under way at once while documents are compared. */
export const VECTORS_IN_FLIGHT_MAX = 64

/** Bytes that a subscriber's socket may hold unsent before its relay stops feeding it. */
export const SEND_BUFFER_BYTES_HIGH = 256 * KIB

/** Bytes unsent at which a y-websocket client, which cannot be fed from a place, is cut. */
export const SEND_BUFFER_BYTES_MAX = KIB * KIB

/** A peer that was sent a ping and is silent for this long is gone. */
export const SILENCE_MS_MAX = 45_000

/** How often a client says that it is still there, and asks whether the relay is. */
export const PING_EVERY_MS = 20_000

/** Longest time over which clients of a relay come back: a minute for a hundred thousand of them. */
export const SPREAD_MS_MAX = 60_000

/** A connection that has not said hello by then is closed. */
export const HELLO_WITHIN_MS = 10_000

/** Names with their owners in one message between relays: all sessions of a few writers in a document. */
export const OWNERS_PER_MESSAGE_MAX = 2_048

/** Revocations in one message between relays, and bytes of a subject: 256 characters. */
export const REVOKED_PER_MESSAGE_MAX = 256
export const SUBJECT_BYTES_MAX = 1024

/** Longest address of a relay. */
export const ADDRESS_BYTES_MAX = 256

/** Largest request or answer between relays: the digest list of a million documents fits. */
export const EXCHANGE_BYTES_MAX = 16 * KIB * KIB

/** An answer between relays ends past this, and the rest is asked for: what a relay holds in memory for one. */
export const EXCHANGE_BYTES_TARGET = 512 * KIB
