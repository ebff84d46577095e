/** A store that may be gone for a while, or for good: then everything that needs its disk fails. */
import type { RelayStore } from '../../../server/storage/store.ts'

/** `ready` raises where it is gone. */
export function whileThere(store: RelayStore, ready: () => void): RelayStore {
  const there =
    <Args extends unknown[], Result>(act: (...args: Args) => Result) =>
    (...args: Args): Result => {
      ready()
      return act(...args)
    }
  return {
    ...store,
    identity: there(store.identity),
    epochs: there(store.epochs),
    head: there(store.head),
    low: there(store.low),
    commit: there(store.commit),
    document: there(store.document),
    documents: there(store.documents),
    summary: there(store.summary),
    untouched: there(store.untouched),
    buried: there(store.buried),
    totals: there(store.totals),
    chain: there(store.chain),
    locate: there(store.locate),
    entry: there(store.entry),
    history: there(store.history),
    read: there(store.read),
    checkpoint: there(store.checkpoint),
    pieces: there(store.pieces),
    transfer: there(store.transfer),
    transfers: there(store.transfers),
    transferPieces: there(store.transferPieces),
    writers: there(store.writers),
    owner: there(store.owner),
    forgetOwners: there(store.forgetOwners),
    quarantined: there(store.quarantined),
    isSetAside: there(store.isSetAside),
    setAside: there(store.setAside),
    letGo: there(store.letGo),
    marks: there(store.marks),
    trim: there(store.trim),
    salvage: there(store.salvage),
    shrink: there(store.shrink),
  }
}
