/**
 * The content check: what a relay holds of a document against what another replica holds of it at the same version (P1). Equal
 * dots stand for equal content; where they do not, something was lost that no checksum shows. The relay reads and hashes in
 * the background, tells what it found, and gives all it has to who has something else, as pieces. It never trusts the other: what
 * that one says is only compared.
 */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { Hash64 } from '../../shared/hash.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { CONTENT_CHECK_BYTES_MAX, PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { compactToPieces } from '../../shared/update/fold.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { hashJoinedLogSteps } from '../../shared/update/joined-log.ts'
import type { PieceBytes } from '../../shared/update/piece-bytes.ts'
import type { Steps } from '../../shared/update/steps.ts'
import type { Content, Piece } from '../../shared/wire/messages.ts'
import type { RelayStore } from '../storage/store.ts'
import { readTail } from '../storage/unbroken.ts'
import type { Background } from './background.ts'
import { refOf } from './documents.ts'

export interface ContentAnswer {
  content: Content
  /** All that is here, where it is not what was asked about. */
  pieces?: readonly Piece[]
}

export interface ContentChecks {
  /** How often a document had another content somewhere else, since this started. */
  readonly differed: number
  /**
   * Answers later what is here; never where the document is in another version here, is larger than is worth it, or too many
   * ask: they ask again. The returned function takes the question back.
   */
  check(asked: Content, answer: (found: ContentAnswer) => void): () => void
  /** Nothing is read any more. */
  close(): void
}

export interface ContentChecksOptions {
  store: RelayStore
  background: Background
  environment: Environment
  report: (error: unknown) => void
}

/** Questions that wait; each client asks one at a time, and seldom. */
const WAITING_MAX = 64
/** Hashes kept for others who ask at the same version: after a restart all of them do. */
const KEPT_MAX = 1024
/** For so long: a check is to find what was lost since the last one. */
const KEPT_MS = 600_000

export function createContentChecks({ store, background, environment, report }: ContentChecksOptions): ContentChecks {
  const kept = new Map<DocumentId, { version: Hash64; hash: Hash64; at: number }>()
  const jobs = new Set<() => void>()
  let differed = 0

  function* compare(asked: Content, answer: (found: ContentAnswer) => void): Steps<void> {
    const { document, version } = asked
    const known = kept.get(document)
    const isFresh = known?.version === version && Math.abs(environment.now() - known.at) < KEPT_MS
    if (isFresh && known.hash === asked.hash && versionNow(document) === version) return answer({ content: asked })
    const read = yield* readContent(asked)
    if (read === undefined) return
    const hash = yield* hashJoinedLogSteps(read.updates)
    keep(document, { version, hash, at: environment.now() })
    const content: Content = { ...asked, hash }
    if (hash === asked.hash) return answer({ content })
    differed++
    const what = `the content of ${JSON.stringify(document)} differs at another replica, with equal versions`
    report(new RejoinError('corrupt', `${what}; that has happened ${differed} times since the workspace was opened`))
    const parts = yield* compactToPieces(read.updates, { gc: asked.gc })
    answer({ content, pieces: toPieces(asked, randomId(environment), parts, read.vector) })
  }

  function versionNow(id: DocumentId): Hash64 | undefined {
    const stored = store.document(id)
    return stored && documentVersion(stored.epoch, stored.vector)
  }

  /** All of a document as it is at that version; `undefined` where it is not, or no more when all is read. */
  function* readContent({
    document,
    version,
  }: Content): Steps<{ updates: Uint8Array[]; vector: VersionVector } | undefined> {
    const stored = store.document(document)
    if (stored === undefined || versionNow(document) !== version) return undefined
    const where = refOf(stored)
    const checkpoint = store.checkpoint(where)
    if (Math.max(stored.bytes, checkpoint?.size ?? 0) > CONTENT_CHECK_BYTES_MAX) return undefined
    const updates: Uint8Array[] = []
    let bytes = 0
    for (const piece of store.pieces(where, 0)) {
      updates.push(inflatePiece(piece))
      bytes += piece.size
      if (bytes < PIECE_BYTES_TARGET) continue
      yield
      bytes = 0
    }
    if (versionNow(document) !== version || store.checkpoint(where)?.id !== checkpoint?.id) return undefined
    for (const { record } of readTail(store, where, checkpoint)) updates.push(record.bytes)
    yield
    return { updates, vector: stored.vector }
  }

  function keep(document: DocumentId, found: { version: Hash64; hash: Hash64; at: number }): void {
    kept.delete(document)
    kept.set(document, found)
    const [oldest] = kept.keys()
    if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest)
  }

  return {
    get differed() {
      return differed
    },
    check(asked, answer) {
      if (jobs.size >= WAITING_MAX) return () => {}
      const end = (): void => {
        if (jobs.delete(end)) cancel()
      }
      const cancel = background.run(function* () {
        try {
          yield* compare(asked, (found) => {
            if (jobs.has(end)) answer(found)
          })
        } finally {
          jobs.delete(end)
        }
      })
      jobs.add(end)
      return end
    },
    close() {
      for (const end of jobs) end()
    },
  }
}

function toPieces(asked: Content, id: Hash64, parts: readonly PieceBytes[], vector: VersionVector): Piece[] {
  const count = parts.length
  return parts.map((part, index) => {
    const end = index === count - 1 ? { vector, base: new Map() } : {}
    return { type: 'piece', ...refOf(asked), through: 0, id, index, count, ...part, ...end }
  })
}
