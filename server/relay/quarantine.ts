/**
 * What broke the relay where nothing was to break: an update at which its processing failed, or a document that cannot be read or
 * folded. It is set aside with where it came from, for whoever runs the relay, and an update is not processed again (P5, P9). There
 * are few (P7): what is past the bound takes the place of the oldest.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { type Hash64, hash64 } from '../../shared/hash.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Quarantined, RelayStore, Source } from '../storage/store.ts'
import { QUARANTINED_BYTES_MAX } from './limits.ts'

export interface Quarantine {
  /** Raises `invalid-update` for bytes that were set aside before. */
  check(where: DocumentRef, bytes: Uint8Array): void
  /** An update broke the relay; returns what its sender is told. */
  update(where: DocumentRef, bytes: Uint8Array, source: Source, cause: unknown): RejoinError
  /** Something that is done with all of a document fails. */
  document(id: DocumentId, work: DocumentWork, cause: unknown): void
  /** It does not any more. */
  mended(id: DocumentId, work: DocumentWork): void
}

/** What is done with all of a document. */
export type DocumentWork = 'read' | 'fold'

export interface QuarantineOptions {
  store: RelayStore
  environment: Environment
  report: (error: unknown) => void
  /** Something more was set aside. */
  setAside: () => void
}

const NO_BYTES = new Uint8Array()
const TOLD_MAX = 500
const encoder = new TextEncoder()

export function createQuarantine({ store, environment, report, setAside }: QuarantineOptions): Quarantine {
  const known = new Set(store.quarantined().map(({ id }) => id))

  function keep(quarantined: Omit<Quarantined, 'at' | 'error'>, cause: unknown): void {
    const { id, document, what } = quarantined
    report(new Error(`${what} of ${JSON.stringify(document)} breaks the relay; it is set aside as ${id}`, { cause }))
    if (known.has(id)) return
    known.add(id)
    setAside()
    const at = environment.now()
    attempt(() => store.setAside({ ...quarantined, at, error: String(cause).slice(0, TOLD_MAX) }))
  }

  function letGo(id: Hash64): void {
    if (known.delete(id)) attempt(() => store.letGo(id))
  }

  /** That it cannot be stored is told, and changes nothing else: it is known while this runs. */
  function attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  return {
    check({ document }, bytes) {
      // Nearly always there is none, and nothing to hash.
      if (known.size === 0) return
      const id = idOf(document, bytes)
      if (!known.has(id)) return
      // Whoever runs the relay may have let it go meanwhile.
      if (store.isSetAside(id)) throw refusal()
      known.delete(id)
    },
    update({ document }, bytes, source, cause) {
      const kept = { bytes: bytes.slice(0, QUARANTINED_BYTES_MAX), size: bytes.length }
      keep({ id: idOf(document, bytes), document, what: 'an update', source, ...kept }, cause)
      return refusal()
    },
    document(id, work, cause) {
      keep(
        { id: idOf(id, encoder.encode(work)), document: id, what: WORKS[work], source: {}, bytes: NO_BYTES, size: 0 },
        cause,
      )
    },
    mended: (id, work) => letGo(idOf(id, encoder.encode(work))),
  }
}

const WORKS: Readonly<Record<DocumentWork, string>> = { read: 'reading', fold: 'folding' }

const refusal = (): RejoinError =>
  new RejoinError('invalid-update', 'the relay fails at it, has set it aside, and told its operator')

function idOf(document: DocumentId, bytes: Uint8Array): Hash64 {
  const name = encoder.encode(`${document}/`)
  const input = new Uint8Array(name.length + bytes.length)
  input.set(name)
  input.set(bytes, name.length)
  return hash64(input)
}
