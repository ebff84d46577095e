/** Bounds of a relay, each with its reason (P7). `RelayLimits` are the ones that whoever runs it may change. */
import { UPDATE_BYTES_MAX, VECTORS_IN_FLIGHT_MAX } from '../../shared/limits.ts'
import { COMPACT_RECORDS } from '../../shared/update/fold.ts'

export interface RelayLimits {
  /** Largest update; at most what fits a frame. */
  updateBytesMax: number
  /** Largest document, as the sum of its records. */
  documentBytesMax: number
  /** Most Yjs client ids of a document; each session of somebody who writes is one. */
  documentClientsMax: number
  /** Largest workspace, as the sum of its records. */
  workspaceBytesMax: number
  /** Most documents of a workspace. */
  documentsMax: number
  /** Most connections of one relay. */
  connectionsMax: number
  /** Most connections from one address; loopback is not counted. */
  connectionsPerAddressMax: number
  /** What one connection may send a second; of an address all together twenty times that. What is more is read later. */
  messagesPerSecondMax: number
  bytesPerSecondMax: number
  /** What all who write one document may send into it a second. What is more is read later. */
  documentMessagesPerSecondMax: number
  documentBytesPerSecondMax: number
  /** So much of that is saved up. */
  burstMs: number
  /** Messages of awareness a second that are handed on in one document; of what is more only the newest states are, together. */
  awarenessPerSecondMax: number
  /** Where one turn of the event loop in a hundred comes later than this, for ten seconds, new connections are kept out. */
  loopDelayMsMax: number
  /** Largest message of a stock y-websocket client, which sends all that it has as one; it is sealed in several records. */
  yMessageBytesMax: number
  /** Most bytes of messages that have not arrived whole, of all stock clients together. */
  yUnfinishedBytesMax: number
  /** Records of a document that wait to be folded into its checkpoint. */
  unfoldedRecordsMax: number
  /** Records, their bytes, and their age, that are kept of a workspace though a checkpoint stands for them: see `retention`. */
  retainRecordsMax: number
  retainBytesMax: number
  retainMs: number
  /** Memory for the state of documents in use, per workspace, and of all workspaces together. */
  memoryBytesMax: number
  memoryTotalBytesMax: number
  /** Memory for documents that stock clients use, of all workspaces together. */
  joinedLogBytesMax: number
}

const MIB = 1024 * 1024

export const RELAY_LIMITS: RelayLimits = {
  updateBytesMax: UPDATE_BYTES_MAX,
  // A document is loaded whole by browsers; past this they struggle.
  documentBytesMax: 256 * MIB,
  // 90 sessions a day for a year: past this every keystroke of everybody takes milliseconds longer.
  documentClientsMax: 32_768,
  // What one Durable Object may hold.
  workspaceBytesMax: 10 * 1024 * MIB,
  documentsMax: 1_000_000,
  // A socket costs about 15 KB: 20,000 of them 300 MB.
  connectionsMax: 20_000,
  // An office behind one address.
  connectionsPerAddressMax: 2_000,
  // Somebody who types sends 50, a program that writes some hundreds; a minute of that at once after an absence.
  messagesPerSecondMax: 1_000,
  bytesPerSecondMax: 4 * MIB,
  // Eighty people who type, or four programs, in one document; what they write goes to everybody who has it open.
  documentMessagesPerSecondMax: 4_000,
  documentBytesPerSecondMax: 16 * MIB,
  burstMs: 20_000,
  // More than a screen shows. Each goes to everybody who is there.
  awarenessPerSecondMax: 50,
  // A machine that is busy with other things makes a second of it; past this those who are there are not served any more.
  loopDelayMsMax: 3_000,
  // To be split and sealed it is in memory twice, and takes the relay about a second.
  yMessageBytesMax: 64 * MIB,
  // Eight of the largest: what is past this would be memory for whoever opens enough sockets.
  yUnfinishedBytesMax: 512 * MIB,
  // To open a document takes reading them one by one.
  unfoldedRecordsMax: COMPACT_RECORDS,
  // Whoever was away for less is sent what it missed, and no more; what was away for longer compares.
  retainRecordsMax: 100_000,
  retainBytesMax: 64 * MIB,
  retainMs: 7 * 24 * 60 * 60_000,
  memoryBytesMax: 64 * MIB,
  // Four workspaces that are used as much as one may be; of more each has its part.
  memoryTotalBytesMax: 256 * MIB,
  joinedLogBytesMax: 64 * MIB,
}

/** What a stock client may have said before it is known who it is: its state vector, awareness, a few keystrokes. */
export const DOOR_MESSAGES_MAX = 64
export const DOOR_BYTES_MAX = 64 * 1024

/**
 * For how long after its last use a name (an origin, a Yjs client id of a document) is somebody's: longer than a session lasts, and
 * short enough that what its owner does not send any more others may.
 */
export const OWNED_MS = 7 * 24 * 60 * 60_000
/** New Yjs client ids in one update that are taken for its sender's own sessions: its tabs, and those since it was last here. */
export const CLAIMS_PER_UPDATE_MAX = 8
/** Sessions of one writer in one document that are known at a time: one every two minutes for a week. */
export const WRITERS_PER_OWNER_MAX = 4_096
/** Content read between two ticks to compare what is sent again with what is here: some hundred milliseconds of work. */
export const COMPARED_BYTES_MAX = 32 * 1024 * 1024

/**
 * Origins of a document, each a device that wrote it: past this clients bring no new ones. It is below half of what a version vector
 * holds on the wire, so that two relays that were parted can be joined whatever each took.
 */
export const DOCUMENT_ORIGINS_MAX = 16_000

/** Types inside of one another: Yjs overflows its stack at some 4,000, and editors stay below 100. */
export const NESTING_MAX = 512
/** Root types of a document: 100,000 of them take 86 MB in a browser. */
export const ROOTS_MAX = 32_768
/** Documents larger than this are not searched for how deep their types lie: that would take seconds. */
export const SHAPE_BYTES_MAX = 64 * MIB

/** Yjs client ids that one connection may show awareness of: the tabs and documents of one browser. */
export const AWARENESS_CLIENTS_PER_CONNECTION_MAX = 256

/** Awareness states kept for one document: every one of them is sent to everybody. */
export const AWARENESS_CLIENTS_PER_DOCUMENT_MAX = 4096

/** Entries read from the log for one message: enough for one frame in most cases. */
export const ENTRIES_READ_MAX = 512

/** Entries read from the log to be joined into one piece: about what a piece holds of single keystrokes. */
export const JOINED_READ_MAX = 4_096

/** Documents of a workspace up to which a catalog of all of them takes fewer bytes than a digest. */
export const CATALOG_MAX = 8

/** Nesting of an awareness state: a cursor takes four. */
export const AWARENESS_DEPTH_MAX = 16

/** Documents that one connection may have open. */
export const OPEN_DOCUMENTS_MAX = 100_000

/** Answers that one connection may be owed: its peer asks so many questions at a time, and may ask them anew. */
export const ANSWERS_OWED_MAX = 2 * VECTORS_IN_FLIGHT_MAX

/** Heads kept of what one connection asks: some 40 MB. */
export const HEADS_HELD_MAX = 262_144

/** A socket that takes nothing for this long while it is owed something is cut as a slow reader. */
export const STALLED_MS_MAX = 30_000

/** A connection is fed for so long at a time; then others are served. */
export const FEED_MS_MAX = 10

/** How often connections are looked at for silence. */
export const TICK_EVERY_MS = 5_000

/** Bytes that are kept of one: enough to find the fault with. */
export const QUARANTINED_BYTES_MAX = 256 * 1024

/** When to come back to a relay that is full or stops. */
export const RETRY_AFTER_SECONDS = '5'
