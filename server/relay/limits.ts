/** Bounds of a relay, each with its reason (P7). `RelayLimits` are the ones that whoever runs it may change. */
import { UPDATE_BYTES_MAX } from '../../shared/limits.ts'

export interface RelayLimits {
  /** Largest update; at most what fits a frame. */
  updateBytesMax: number
  /** Largest document, as the sum of its records. */
  documentBytesMax: number
  /** Largest workspace, as the sum of its records. */
  workspaceBytesMax: number
  /** Most documents of a workspace. */
  documentsMax: number
  /** Most connections of one relay. */
  connectionsMax: number
  /** Memory for the state of documents in use, per workspace. */
  memoryBytesMax: number
}

const MIB = 1024 * 1024

export const RELAY_LIMITS: RelayLimits = {
  updateBytesMax: UPDATE_BYTES_MAX,
  // A document is loaded whole by browsers; past this they struggle.
  documentBytesMax: 256 * MIB,
  // What one Durable Object may hold.
  workspaceBytesMax: 10 * 1024 * MIB,
  documentsMax: 1_000_000,
  // A socket costs about 15 KB: 20,000 of them 300 MB.
  connectionsMax: 20_000,
  memoryBytesMax: 64 * MIB,
}

/** Yjs client ids that one connection may show awareness of: the tabs and documents of one browser. */
export const AWARENESS_CLIENTS_PER_CONNECTION_MAX = 256

/** Awareness states kept for one document: every one of them is sent to everybody. */
export const AWARENESS_CLIENTS_PER_DOCUMENT_MAX = 4096

/** Documents that one connection may have open. */
export const OPEN_DOCUMENTS_MAX = 100_000

/** A socket that takes nothing for this long while it is owed something is cut as a slow reader. */
export const STALLED_MS_MAX = 30_000

/** How often connections are looked at for silence. */
export const TICK_EVERY_MS = 5_000
