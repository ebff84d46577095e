/**
 * Who this replica of a workspace is: the origin under which it seals, and the epochs of its log. Every start that writes
 * opens a random epoch, with the first commit that it makes; an origin that was used beyond this log is used no more (P8).
 */
import type { Environment } from '../../shared/environment.ts'
import { type LogEpoch, type OriginId, type ReplicaId, randomId } from '../../shared/ids.ts'
import { type EpochStart, isPlaceValid } from '../../shared/sync/places.ts'
import type { Place } from '../../shared/wire/messages.ts'
import type { RelayStore } from '../storage/store.ts'

export interface WorkspaceIdentity {
  readonly replica: ReplicaId
  /** Under which updates are sealed here. */
  readonly origin: OriginId
  /** Seals under another origin from now on. Raises `storage-full` or `storage-failed`. */
  renewOrigin(): void
  /** The epoch of the log; an empty log has none yet, so one is opened for it, that its place 0 can be told. */
  epoch(): LogEpoch
  /** Whether a reader may go on from there, in a log with this head. */
  isPlaceValid(place: Place, head: number): boolean
  /** The epoch that the next commit has to open, behind this offset; `undefined` where this start has opened one. */
  nextEpoch(start: number): EpochStart | undefined
  /** The store knows no places any more: the next commit opens another epoch. */
  forgetPlaces(): void
  /** The epoch of a commit is durable. */
  epochOpened(): void
  /** The epoch that this start has opened. */
  own(): LogEpoch | undefined
  /** The offset behind which this start writes; `undefined`: it has written nothing. */
  ownStart(): number | undefined
}

/** `continued`: the epoch that this start has opened, where it goes on after a runtime forgot all but the sockets. */
export function createIdentity(store: RelayStore, environment: Environment, continued?: LogEpoch): WorkspaceIdentity {
  const { replica, origin: first } = store.identity()
  let origin = first
  let epochs = store.epochs()
  let opened = continued !== undefined && epochs.at(-1)?.epoch === continued

  return {
    replica,
    get origin() {
      return origin
    },
    renewOrigin() {
      const renewed = randomId(environment)
      store.commit({ origin: renewed, documents: [], entries: [] })
      origin = renewed
    },
    epoch() {
      const last = epochs.at(-1)
      if (last !== undefined) return last.epoch
      const first = { epoch: randomId(environment), start: 0 }
      store.commit({ epoch: first, documents: [], entries: [] })
      epochs = [first]
      opened = true
      return first.epoch
    },
    isPlaceValid: (place, head) => isPlaceValid(place, epochs, head),
    nextEpoch: (start) => (opened ? undefined : { epoch: randomId(environment), start }),
    forgetPlaces() {
      epochs = store.epochs()
      opened = false
    },
    epochOpened() {
      opened = true
      epochs = store.epochs()
    },
    own: () => (opened ? epochs.at(-1)?.epoch : undefined),
    ownStart: () => (opened ? epochs.at(-1)?.start : undefined),
  }
}
