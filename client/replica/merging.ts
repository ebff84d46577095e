/**
 * Updates as one, by what Yjs has for it: an app has that anyway. It joins no runs, so that what was typed in a burst stays some
 * times as large as `joinUpdates` makes it, which is loaded later; and it checks nothing.
 */
import * as Y from 'yjs'

/** `Y.mergeUpdates` is quadratic in their number. */
const MERGED_TOGETHER = 32

/** A single one comes back as it is. */
export function mergeUpdates(updates: readonly Uint8Array[]): Uint8Array {
  let level = [...updates]
  while (level.length > 1) {
    const merged: Uint8Array[] = []
    for (let at = 0; at < level.length; at += MERGED_TOGETHER) {
      const some = level.slice(at, at + MERGED_TOGETHER)
      merged.push(some.length === 1 ? (some[0] as Uint8Array) : Y.mergeUpdates(some))
    }
    level = merged
  }
  return level[0] ?? new Uint8Array([0, 0])
}
