/** Bounds of what apps ask for: checked before any relay is talked to. */

/** Longest document id in UTF-8 bytes: fits a URL and an index key with room to spare. */
export const DOCUMENT_ID_BYTES_MAX = 512

/** Longest workspace id in UTF-8 bytes: percent-encoded it still is a legal file name. */
export const WORKSPACE_ID_BYTES_MAX = 80

/** Most relays of a mesh: each sends every update to every other. */
export const RELAYS_MAX = 64
