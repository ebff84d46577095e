/**
 * How deep types lie inside of one another. Yjs walks them by recursion: from some thousands on, deleting the outermost overflows
 * the stack in the middle of a change, and the Y.Doc tells of no change any more, wherever that update goes.
 */
import { type Cursor, readVarUint } from './cursor.ts'
import { type Log, readLog } from './log.ts'
import type { Piece } from './piece.ts'
import { finish } from './steps.ts'
import { NONE, ROOT, TYPE } from './struct.ts'
import { NO_LIMITS } from './walk.ts'

/**
 * The depth of the deepest type in updates that were inspected: 1 for one right in a root type, 0 where there is none. Time and memory
 * grow with their structs.
 */
export function nestingDepth(updates: readonly Uint8Array[]): number {
  const log = finish(readLog(updates, NO_LIMITS))
  const depths = new Map<Piece, number>()
  let deepest = 0
  for (const pieces of log.structs.values()) {
    for (const piece of pieces) {
      if (piece.kind === TYPE) deepest = Math.max(deepest, 1 + depthOf(log, depths, piece))
    }
  }
  return deepest
}

/** How many types a piece lies in; what is in a collected one, or rests on itself, in none. */
function depthOf(log: Log, depths: Map<Piece, number>, piece: Piece): number {
  const path: { piece: Piece; isParent: boolean }[] = []
  let next: ReturnType<typeof stepFrom> = { piece, isParent: false }
  let depth = 0
  while (next !== undefined) {
    const known = depths.get(next.piece)
    path.push(next)
    if (known !== undefined) {
      depth = known
      break
    }
    depths.set(next.piece, 0)
    next = stepFrom(log, next.piece)
  }
  for (let at = path.length - 1; at >= 0; at--) {
    const { piece: each, isParent } = path[at] as (typeof path)[number]
    depths.set(each, depth)
    if (isParent) depth++
  }
  return depth
}

/** What says where a piece lies: the type that it is in, or a neighbour. */
function stepFrom(log: Log, piece: Piece): { piece: Piece; isParent: boolean } | undefined {
  const { bytes, parentFrom, parentTo } = piece
  if (parentTo > parentFrom) {
    const cursor: Cursor = { bytes, at: parentFrom }
    if (readVarUint(cursor) === ROOT) return undefined
    const parent = find(log, readVarUint(cursor), readVarUint(cursor))
    return parent && { piece: parent, isParent: true }
  }
  const { originClient, originClock, rightClient, rightClock } = piece
  const beside = originClient === NONE ? find(log, rightClient, rightClock) : find(log, originClient, originClock)
  return beside && { piece: beside, isParent: false }
}

function find({ structs }: Log, client: number, clock: number): Piece | undefined {
  const pieces = structs.get(client)
  if (pieces === undefined) return undefined
  let low = 0
  for (let high = pieces.length; low < high; ) {
    const middle = (low + high) >> 1
    const piece = pieces[middle] as Piece
    if (piece.clock + piece.length <= clock) low = middle + 1
    else high = middle
  }
  const found = pieces[low]
  return found !== undefined && found.clock <= clock ? found : undefined
}
