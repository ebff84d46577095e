/**
 * Names of replicas, origins, log epochs, workspaces and documents. Random ids are 8 bytes, written as 16 lower-case
 * hexadecimal digits; at a million replicas two are equal with a chance of 3 in 10^8, and a chain would show it.
 */
import type { Environment } from './environment.ts'
import { RejoinError } from './errors.ts'
import { DOCUMENT_ID_BYTES_MAX, WORKSPACE_ID_BYTES_MAX } from './first-limits.ts'
import { toHex } from './hash.ts'

/** A durable copy of a workspace. */
export type ReplicaId = string
/** One run of a relay, from start to stop. */
export type RelayId = string
/** The replica that first sealed an update; a replica takes a new origin where its old one has forked. */
export type OriginId = string
/** One stretch of a replica's log: from one start that wrote to the next. */
export type LogEpoch = string
/** Names a document inside its workspace. */
export type DocumentId = string

/**
 * The generation of a document: 8 hexadecimal digits of counter, then 16 of chance, so that text order is the order of
 * epochs and the greater wins. Every document begins in `FIRST_EPOCH`, so that two replicas may create it apart.
 */
export type DocumentEpoch = string

export const FIRST_EPOCH: DocumentEpoch = '0'.repeat(24)

/** A fresh replica id, origin id or log epoch. */
export const randomId = (environment: Environment): string => toHex(environment.randomBytes(8))

const encoder = new TextEncoder()
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFIT = /[\u0000-\u001f\u007f]/

/** Raises `invalid-id` for what cannot name a document: 1 to 512 bytes of well-formed text without control characters. */
export function checkDocumentId(id: unknown): asserts id is DocumentId {
  checkId(id, 'document', DOCUMENT_ID_BYTES_MAX)
}

/** Raises `invalid-id` for what cannot name a workspace: as a document id, at most 80 bytes and without slashes. */
export function checkWorkspaceId(id: unknown): asserts id is string {
  checkId(id, 'workspace', WORKSPACE_ID_BYTES_MAX)
  if (id.includes('/') || id === '.' || id === '..') {
    throw new RejoinError('invalid-id', `the workspace id ${JSON.stringify(id)} holds a slash or is a path`)
  }
}

function checkId(id: unknown, what: string, bytesMax: number): asserts id is string {
  if (typeof id !== 'string' || id.length === 0)
    throw new RejoinError('invalid-id', `the ${what} id is empty or no text`)
  // One of its characters takes three bytes at most: short ones need not be counted.
  if (id.length > bytesMax || (3 * id.length > bytesMax && encoder.encode(id).length > bytesMax)) {
    throw new RejoinError('invalid-id', `the ${what} id is longer than ${bytesMax} bytes`)
  }
  if (UNFIT.test(id) || !id.isWellFormed()) {
    throw new RejoinError('invalid-id', `the ${what} id holds a control character or half a surrogate pair`)
  }
}
