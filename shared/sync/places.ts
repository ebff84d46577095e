/**
 * Places: whether a reader may go on where it last stopped. Every start that writes opens a random epoch at the head of
 * the log and keeps it with its start. A place counts while its epoch is known and it lies not beyond the start of the
 * next one: then nothing was rewritten under it, even where this store is a copy put back. (An epoch stands for all of the
 * log before it too, so a place may be older than its epoch's start.)
 */
import type { LogEpoch } from '../ids.ts'
import type { Place } from '../wire/messages.ts'

export interface EpochStart {
  epoch: LogEpoch
  /** Offset of the newest entry when the epoch began: its first entry is start + 1. */
  start: number
}

/** Most epochs that a log remembers; a reader with an older place compares instead. */
export const EPOCHS_KEPT_MAX = 1024

/** Whether `place` is still a place in the log with these epochs (oldest first) and this head. */
export function isPlaceValid(place: Place, epochs: readonly EpochStart[], head: number): boolean {
  const index = epochs.findIndex((entry) => entry.epoch === place.epoch)
  const epoch = epochs[index]
  if (epoch === undefined) return false
  return place.offset <= (epochs[index + 1]?.start ?? head)
}
