/**
 * What one side of a session holds and has learned: its elements less those known to differ, and the names of these. The
 * table is built when it is first needed; a session that ends with equal roots needs none.
 */
import { RejoinError } from '../errors.ts'
import type { HashKey } from '../hash.ts'
import { ELEMENTS_MAX, NAMES_BYTES_TARGET, NAMES_PER_MESSAGE_MAX, SUMMARY_CELLS } from './bounds.ts'
import { type Cells, sliceCells } from './cells.ts'
import { type DigestElement, rootsEqual, type Tag, xorTags } from './element.ts'
import type { Names } from './messages.ts'
import { createRemainder, type Remainder } from './remainder.ts'
import { type DigestSummary, summarize } from './summary.ts'
import { createTable } from './table.ts'

/** Names that came since the last other message. */
export interface Heard {
  count: number
  /** Of documents that were left here. */
  held: number
  /** The XOR of the tags of these. */
  sum: Tag
}

/** Names as messages, and how many they are. */
export interface Told {
  send: Names[]
  named: number
}

export interface Side {
  /** Of the elements under the key that the session began with. */
  readonly summary: DigestSummary
  /** Whether the table has been built. */
  readonly built: boolean
  /** The summary does not belong to the elements. Known once the table is built. */
  readonly summaryWrong: boolean
  /** Documents that differ, as far as known. */
  readonly differing: ReadonlySet<string>
  left(): Remainder
  /** Cells of what is left. */
  cells(count: number): Cells
  /** Takes elements away and names them. */
  tell(positions: readonly number[]): Told
  /** Names elements that were taken away before. */
  name(positions: readonly number[]): Told
  /** Takes away what the other side names. */
  hear(ids: readonly string[]): void
  /** What `hear` was told since it was asked last. */
  heard(): Heard
  /** Forgets what was learned, which a wrong decode may have taught, and goes on under a new key. */
  startOver(key: HashKey): Remainder
}

/** Under the key of a summary that is at hand, or under a key alone. */
export function createSide(elements: () => Iterable<DigestElement>, kept: DigestSummary | HashKey): Side {
  let remainder: Remainder | undefined
  let summaryWrong = false
  let differing = new Set<string>()
  let heard: Heard = { count: 0, held: 0, sum: 0 }
  const summary = 'root' in kept ? kept : summarizeAll(kept)

  function summarizeAll(key: HashKey): DigestSummary {
    const table = createTable(elements, key)
    const made = summarize(table)
    remainder = createRemainder(table, made.root)
    return made
  }

  function left(): Remainder {
    if (remainder === undefined) {
      remainder = createRemainder(createTable(elements, summary.key))
      summaryWrong = !rootsEqual(remainder.root, summary.root)
    }
    return remainder
  }

  function name(positions: readonly number[]): Told {
    const ids = left().table.idsAt(new Set(positions))
    for (const id of ids) differing.add(id)
    return { send: inParts(ids), named: ids.length }
  }

  return {
    summary,
    get built() {
      return remainder !== undefined
    },
    get summaryWrong() {
      return summaryWrong
    },
    get differing() {
      return differing
    },
    left,
    cells(count) {
      const kept = count <= SUMMARY_CELLS && (remainder === undefined || remainder.whole)
      return kept ? sliceCells(summary.cells, 0, count) : left().cells(count)
    },
    tell(positions) {
      for (const position of positions) left().exclude(position)
      return name(positions)
    },
    name,
    hear(ids) {
      const rest = left()
      if (heard.count + ids.length > ELEMENTS_MAX) throw new RejoinError('protocol', 'more names than documents')
      for (const id of ids) {
        differing.add(id)
        const position = rest.table.findId(id)
        const tag = position < 0 ? undefined : rest.exclude(position)
        if (tag !== undefined) heard = { ...heard, held: heard.held + 1, sum: xorTags(heard.sum, tag) }
      }
      heard.count += ids.length
    },
    heard() {
      const last = heard
      heard = { count: 0, held: 0, sum: 0 }
      return last
    },
    startOver(key) {
      differing = new Set()
      remainder = createRemainder(createTable(elements, key))
      return remainder
    },
  }
}

/** Names as messages that each fit a frame. */
function inParts(ids: readonly string[]): Names[] {
  const parts: Names[] = []
  let part: string[] = []
  let units = 0
  for (const id of ids) {
    if (part.length === NAMES_PER_MESSAGE_MAX || units > NAMES_BYTES_TARGET) {
      parts.push({ type: 'names', ids: part })
      part = []
      units = 0
    }
    part.push(id)
    units += id.length
  }
  if (part.length > 0) parts.push({ type: 'names', ids: part })
  return parts
}
