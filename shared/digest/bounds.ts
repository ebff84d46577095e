/** Every bound of digests, with its reason (P7). Numbers from a peer beyond them are refused as `bad-frame`. */

/** Most documents that one digest compares: a table of them takes 110 MiB, which is what a relay process can spare. */
export const ELEMENTS_MAX = 1 << 22

/** Cells that the first message carries: differences of about 17 decode at once, and with nothing to tell it fits 400 bytes. */
export const HELLO_CELLS = 30

/** Cells that are kept up to date with every change: differences of about 700 need no walk over the table. */
export const SUMMARY_CELLS = 1024

/** Most cells in one session: 1 MiB. What needs more is cheaper as a Bloom filter or a list. */
export const CELLS_MAX = 1 << 17

/** Counters of the difference estimator as kept: within 6 % at one standard deviation. A power of two. */
export const SKETCH_COUNTERS = 512

/** Counters in the first message: within 35 %, which is enough to choose a way. */
export const HELLO_COUNTERS = 16

/** Largest Bloom filter: 32 bits for each of the most documents, as bits. */
export const BLOOM_BITS_MAX = ELEMENTS_MAX * 32

/** Most hash positions of one Bloom entry; beyond it the filter would be larger than a list. */
export const BLOOM_HASHES_MAX = 16

/** A filter of ours is at most half full; one that is fuller hides what it should show. */
export const BLOOM_FILL_MAX = 0.6

/** Names in one message, and their bytes together: a message stays within a frame. */
export const NAMES_PER_MESSAGE_MAX = 1024
export const NAMES_BYTES_TARGET = 64 * 1024

/** Round trips (a message of the responder and its answer) before the plain list. */
export const ROUND_TRIPS_MAX = 4
