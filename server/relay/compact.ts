/** All of a workspace compacted at once, while nobody uses it: every document becomes its checkpoint, and nothing else stays. */
import type { Environment } from '../../shared/environment.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { finish } from '../../shared/update/steps.ts'
import type { RelayStore, StoredDocument } from '../storage/store.ts'
import { foldSteps } from './folding.ts'

export interface Compacted {
  documents: number
  /** Documents that are left as they are, as something stored of them is damaged, and what was found. */
  damaged: { document: DocumentId; error: unknown }[]
}

/** Inflated bytes of a document that is compacted together: it takes some hundred megabytes of memory. */
const WHOLE_SIZE_MAX = 64 * 1024 * 1024
/** Entries taken out of the log in one transaction, and pages given back in one. */
const TRIM_COUNT = 10_000
const SHRINK_PAGES = 10_000

/** Readers with a place compare when they come back: the log before the newest entry is gone. Raises `storage-full` or `storage-failed`. */
export function compactStore(store: RelayStore, environment: Environment): Compacted {
  const compacted: Compacted = { documents: 0, damaged: [] }
  for (const document of store.documents()) {
    compacted.documents++
    try {
      compactDocument(store, document, environment)
    } catch (error) {
      compacted.damaged.push({ document: document.document, error })
    }
  }
  while (store.trim(store.head(), TRIM_COUNT).count === TRIM_COUNT);
  while (store.shrink(SHRINK_PAGES));
  return compacted
}

function compactDocument(store: RelayStore, document: StoredDocument, environment: Environment): void {
  const before = store.checkpoint(document)
  const isLarge = Math.max(before?.size ?? 0, document.bytes) > WHOLE_SIZE_MAX
  const kind = isLarge ? 'append' : 'compact'
  const fold = finish(foldSteps(store, document, randomId(environment), kind, Number.POSITIVE_INFINITY))
  if (fold === undefined) return
  const bytes = document.bytes + fold.checkpoint.bytes - (before?.bytes ?? 0)
  store.commit({ documents: [{ ...document, bytes }], entries: [], folds: [fold] })
}
