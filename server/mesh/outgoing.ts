/** What goes to another relay of one workspace: what is new in the log, and what a version vector lacks. */
import type { Head, VersionVector } from '../../shared/causality/version-vector.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import { type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import { inspectStateVector } from '../../shared/update/state-vector.ts'
import type { Message, Owners, Refused, Vector } from '../../shared/wire/messages.ts'
import type { Subscriber } from '../relay/commits.ts'
import { refOf } from '../relay/documents.ts'
import { answer } from '../relay/feeds.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'

const NOBODY: Subscriber = { committed() {}, refused() {} }

/** What this vector lacks, then where it asks for that what is held here. Raises `corrupt` where something stored is damaged. */
export function* answersFor(workspace: RelayWorkspace, asked: Vector): Generator<Message, void> {
  const stored = workspace.document(asked.document)
  if (stored !== undefined && stored.epoch < asked.epoch) {
    workspace.bury(NOBODY, asked)
    workspace.flush()
  }
  // Whoever lost what it had sealed itself, as its store was put back, learns of it here (P8).
  if (stored === undefined || stored.epoch === asked.epoch) workspace.seen(asked, asked.vector)
  const forgotten = workspace.isSuspect(asked.document) ? 'proven' : 'believed'
  yield* answer(workspace, { ...asked, stateVector: readable(asked.stateVector) }, forgotten)
}

/** Whose the names of a document are, as far as that was noted here since then; nothing where it was not. */
export function ownersOf(workspace: RelayWorkspace, document: DocumentId, since = 0): Owners[] {
  const stored = workspace.document(document)
  const claims = stored === undefined ? [] : workspace.claims(document, since)
  return stored === undefined || claims.length === 0 ? [] : [{ type: 'owners', ...refOf(stored), claims }]
}

/** What is held here of a document, to ask for what that lacks. */
export function askFor(workspace: RelayWorkspace, document: DocumentId): Vector {
  const stored = workspace.document(document)
  // What is not known here is asked for as if it were new; the answer says in which epoch it is.
  if (stored === undefined) {
    return { type: 'vector', document, epoch: FIRST_EPOCH, gc: true, vector: new Map(), reply: true }
  }
  const ref = refOf(stored)
  const stateVector = stored.vector.size === 0 ? undefined : workspace.stateVector(ref)
  const partial = workspace.partial(ref)
  return { type: 'vector', ...ref, vector: stored.vector, stateVector, partial, reply: true }
}

/** Says with a vector that two histories were met in its document. */
export const suspicion = ({ document, epoch, gc }: Vector): Refused => ({
  type: 'refused',
  document,
  epoch,
  gc,
  origin: NO_ORIGIN,
  seq: 0,
  request: 0,
  code: 'unproven',
  held: 0,
  detail: '',
})

const NO_ORIGIN = '0'.repeat(16)

/** What is held here of a document; nothing where it is in another epoch. */
export function heldOf(workspace: RelayWorkspace, where: Pick<Vector, 'document' | 'epoch'>): VersionVector {
  const stored = workspace.document(where.document)
  return stored?.epoch === where.epoch ? stored.vector : new Map<string, Head>()
}

/** Whether a document is here as the other says that it has it. */
export function isSame(workspace: RelayWorkspace, theirs: Vector): boolean {
  const stored = workspace.document(theirs.document)
  const version = documentVersion(stored?.epoch ?? FIRST_EPOCH, stored?.vector ?? new Map())
  return version === documentVersion(theirs.epoch, theirs.vector)
}

/** One that is larger than is worth reading counts as none; so does one that is none. */
function readable(stateVector: Uint8Array | undefined): Uint8Array | undefined {
  if (stateVector === undefined) return undefined
  try {
    inspectStateVector(stateVector)
    return stateVector
  } catch {
    return undefined
  }
}
