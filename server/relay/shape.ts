/**
 * Bounds on what a document becomes with what is added to it, where no single update shows it: how deep its types lie, how many
 * sessions and devices wrote it, how many root types it has (P7, P9). Each costs every Y.Doc of it, at every client, or each comparison.
 */
import type { VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { OriginId } from '../../shared/ids.ts'
import { VECTOR_ORIGINS_MAX } from '../../shared/limits.ts'
import { inspectUpdate, type UpdateSummary } from '../../shared/update/inspect.ts'
import { countClocks } from '../../shared/update/interval-bytes.ts'
import { nestingDepth } from '../../shared/update/nesting.ts'
import type { RelayStore } from '../storage/store.ts'
import type { Subscriber } from './commits.ts'
import type { LiveDocument } from './documents.ts'
import { contentOf } from './folding.ts'
import { DOCUMENT_ORIGINS_MAX, NESTING_MAX, type RelayLimits, ROOTS_MAX, SHAPE_BYTES_MAX } from './limits.ts'

export type Bringer = 'clients' | 'relays'

export interface Shapes {
  /** Looks at whose records are added: from clients, or from relays, which have taken them already. Raises `too-big`. */
  checkOrigins(document: LiveDocument, origins: Iterable<OriginId>, from: Bringer): void
  /**
   * Looks at what an update adds, before the index knows it; `updates` are its bytes, or those of all of a transfer. Raises `too-big`, and
   * `overloaded` where to tell takes longer than is there for it.
   */
  check(document: LiveDocument, summary: UpdateSummary, updates: () => readonly Uint8Array[]): void
  /** As `check`, of a checkpoint from outside, whose origins are not looked at. Raises `invalid-update` too, where it claims more records than it can stand for. */
  checkPieces(document: LiveDocument, vector: VersionVector, updates: readonly Uint8Array[]): void
}

export interface ShapesOptions {
  store: RelayStore
  limits: RelayLimits
  now: () => number
  /** Commits what waits. Raises `storage-failed`. */
  commitFirst: () => void
}

/** What is known of a document since it is in memory. */
interface Shape {
  /** Its types lie no deeper than this. */
  depth: number
  roots: Set<number>
  /** When its depth may be found out again: that takes at most a tenth of the time. */
  freeAt: number
}

const ORIGINS_MAX = { clients: DOCUMENT_ORIGINS_MAX, relays: VECTOR_ORIGINS_MAX }
const PAUSES = 10
/** Each record of an origin has at least one clock or deletion; some were sealed twice. */
const DOTS_PER_CLOCK_MAX = 2
const DOTS_FREE = 1_000

export function createShapes({ store, limits, now, commitFirst }: ShapesOptions): Shapes {
  const shapes = new WeakMap<LiveDocument, Shape>()

  function shapeOf(document: LiveDocument): Shape {
    let shape = shapes.get(document)
    if (shape === undefined) {
      // Of a document that comes from the store it is not known.
      const depth = document.vector.size === 0 ? 0 : NESTING_MAX
      shape = { depth, roots: new Set(), freeAt: 0 }
      shapes.set(document, shape)
    }
    return shape
  }

  function checkOrigins({ vector }: LiveDocument, origins: Iterable<OriginId>, from: Bringer): void {
    const most = ORIGINS_MAX[from]
    let count = vector.size
    for (const origin of origins) {
      if (!vector.has(origin) && ++count > most)
        throw new RejoinError('too-big', `the document would have more than ${most} origins`)
    }
  }

  function checkClients(document: LiveDocument, { structs }: UpdateSummary): void {
    const index = document.index()
    if (index.clients + structs.length <= limits.documentClientsMax) return
    const fresh = new Set<number>()
    for (const { client } of structs) if (index.clock(client) === 0) fresh.add(client)
    if (index.clients + fresh.size <= limits.documentClientsMax) return
    throw new RejoinError('too-big', `the document would have more than ${limits.documentClientsMax} Yjs client ids`)
  }

  function checkRoots({ roots }: Shape, added: UpdateSummary['roots']): void {
    for (const root of added) roots.add(root)
    if (roots.size > ROOTS_MAX)
      throw new RejoinError('too-big', `the document would have more than ${ROOTS_MAX} root types`)
  }

  /** A type lies at most one deeper than all that were there before it. */
  function checkDepth(document: LiveDocument, shape: Shape, types: number, updates: () => readonly Uint8Array[]): void {
    if (shape.depth + types <= NESTING_MAX || document.bytes > SHAPE_BYTES_MAX) {
      shape.depth += types
      return
    }
    const startedAt = now()
    if (startedAt < shape.freeAt && shape.freeAt - startedAt < SHAPE_PAUSE_MS_MAX) {
      throw new RejoinError('overloaded', 'many types at once, and it has to be found out how deep they lie')
    }
    commitFirst()
    const depth = nestingDepth([...contentOf(store, document.ref), ...updates()])
    shape.freeAt = now() + PAUSES * (now() - startedAt)
    if (depth > NESTING_MAX) throw new RejoinError('too-big', `types inside of one another, ${depth} deep`)
    shape.depth = depth
  }

  function check(document: LiveDocument, summary: UpdateSummary, updates: () => readonly Uint8Array[]): void {
    checkClients(document, summary)
    const shape = shapeOf(document)
    if (summary.roots.size > 0) checkRoots(shape, summary.roots)
    if (summary.types > 0) checkDepth(document, shape, summary.types, updates)
  }

  return {
    checkOrigins,
    check,
    checkPieces(document, vector, updates) {
      let clocks = countClocks(document.index())
      for (const update of updates) {
        const summary = inspectUpdate(update)
        clocks += clocksOf(summary)
        check(document, summary, () => updates)
      }
      let dots = 0
      for (const { seq } of vector.values()) dots += seq
      if (dots <= DOTS_FREE + DOTS_PER_CLOCK_MAX * clocks) return
      throw new RejoinError('invalid-update', `it claims ${dots} records, and there are only ${clocks} clocks`)
    },
  }
}

export const bringerOf = ({ source }: Subscriber): Bringer => (source?.relay === undefined ? 'clients' : 'relays')

/** A clock that was put back does not keep anybody waiting. */
const SHAPE_PAUSE_MS_MAX = 60_000

function clocksOf({ structs, deletes }: UpdateSummary): number {
  let clocks = 0
  for (const { length } of structs) clocks += length
  for (const { length } of deletes) clocks += length
  return clocks
}
