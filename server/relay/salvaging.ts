/**
 * Documents of which something stored is damaged for good: this relay cannot serve them, nor take anything that rests on them. Such a
 * document is given up as it stands, what of it is sound is taken anew, under a new name of this relay, and all who are connected come
 * again and compare: other relays and clients bring what is missing, as to a relay that never had it (P5, P9, P10).
 */
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { RelayStore, Salvage } from '../storage/store.ts'
import type { Commits, Subscriber } from './commits.ts'
import type { WorkspaceDigest } from './digests.ts'
import { type LiveDocuments, versionOf } from './documents.ts'
import type { WorkspaceIdentity } from './identity.ts'
import type { Intake } from './intake.ts'
import type { Judge } from './judge.ts'
import type { Ownership } from './ownership.ts'

export interface Salvaging {
  /** How often documents were given up. */
  readonly count: number
  /** Something was found damaged. */
  readonly needed: boolean
  /** Gives up what was found damaged since the last call. */
  tick(): void
}

export interface SalvagingOptions {
  store: RelayStore
  live: LiveDocuments
  judge: Pick<Judge, 'bury' | 'forget'>
  commits: Pick<Commits, 'commit' | 'endAll' | 'giveUp'>
  identity: Pick<WorkspaceIdentity, 'forgetPlaces' | 'renewOrigin'>
  digest: Pick<WorkspaceDigest, 'changed' | 'renew'>
  ownership: Pick<Ownership, 'forget'>
  intake: Pick<Intake, 'submit'>
  report: (error: unknown) => void
}

export function createSalvaging(options: SalvagingOptions): Salvaging {
  const { store, live, judge, commits, identity, digest, ownership, intake, report } = options
  const found: DocumentId[] = []
  let count = 0

  function isNeeded(): boolean {
    found.push(...store.damaged())
    return found.length > 0
  }

  /** The version that digests know, where that is known here. */
  function versionBefore(id: DocumentId) {
    const known = live.peek(id)?.version
    if (known !== undefined) return known
    try {
      const stored = store.document(id)
      return stored && versionOf(stored, stored.vector)
    } catch {
      // Its row is damaged: it was in no digest that was made since.
      return undefined
    }
  }

  function giveUp(id: DocumentId): void {
    const found = store.salvage(id)
    if (found === undefined) return
    // Names that this relay has given out come back from others, with what stood for them. A name too many does no harm.
    identity.renewOrigin()
    const before = versionBefore(id)
    const { damaged, updates } = found
    const what = `${damaged} rows of ${JSON.stringify(id)} are damaged, and all of it is asked of others`
    // Before anything is committed: whoever is told of that believes to be up to date.
    commits.endAll(new RejoinError('corrupt', what), found.where)
    identity.forgetPlaces()
    clearMemory(found)
    // In one commit with what is taken anew: that may be nowhere else.
    commits.giveUp(id)
    const lacking = takeAnew(found)
    if (lacking === undefined) return
    count++
    judge.forget()
    ownership.forget()
    identity.forgetPlaces()
    if (store.document(id) === undefined) digest.changed(id, before, undefined)
    digest.renew()
    const kept = `${updates.length - lacking} of its ${updates.length} sound updates are here`
    report(new RejoinError('corrupt', `${what}; ${kept}, the others rest on what is not`))
  }

  /** Nothing of the document is there yet. */
  function clearMemory({ where }: Salvage): void {
    try {
      judge.bury(where)
    } catch {
      // Its row is damaged, and it was not in use.
      live.bury(where)
    }
  }

  /** How many updates rest on what is damaged; `undefined` where the commit failed, and all is as before. */
  function takeAnew({ where, updates }: Salvage): number | undefined {
    let refused = 0
    const from: Subscriber = { committed() {}, refused: () => void refused++ }
    for (const bytes of updates) intake.submit(from, where, { kind: 'yjs-v1', bytes }, 0)
    return commits.commit() ? refused : undefined
  }

  return {
    get count() {
      return count
    },
    get needed() {
      return isNeeded()
    },
    tick() {
      if (!isNeeded() || !commits.commit()) return
      for (const id of found.splice(0)) {
        try {
          giveUp(id)
        } catch (error) {
          report(toRejoinError(error, 'storage-failed', `${JSON.stringify(id)} is damaged, and could not be given up`))
        }
      }
    },
  }
}
