/**
 * What a replica keeps of a scope's documents between sessions: root, count, first cells and counters under one secret
 * key. About 10 KB, stored with the workspace; every change of a version vector costs a few microseconds and needs
 * nothing else to be read. The key is secret from writers and rotates: a new one means building it anew from a table.
 */
import * as encoding from 'lib0/encoding'
import type { Hash64, HashKey } from '../hash.ts'
import { bytesLeft, createReader, malformed, readVarint } from '../reader.ts'
import { ELEMENTS_MAX, SKETCH_COUNTERS, SUMMARY_CELLS } from './bounds.ts'
import { type Cells, createCells, toggleTag } from './cells.ts'
import {
  addToRoot,
  ELEMENT_WORDS,
  emptyRoot,
  hashId,
  hashVersion,
  lastElement,
  type Root,
  tagHigh,
  tagLow,
} from './element.ts'
import * as fields from './fields.ts'
import { addToSketch, createSketch, type Sketch } from './sketch.ts'
import type { ElementTable } from './table.ts'

export interface DigestSummary {
  readonly key: HashKey
  /** Documents. */
  count: number
  readonly root: Root
  readonly cells: Cells
  readonly sketch: Sketch
}

/** The summary of no documents under a key of 128 unpredictable bits. */
export const createSummary = (key: HashKey): DigestSummary => ({
  key,
  count: 0,
  root: emptyRoot(),
  cells: createCells(SUMMARY_CELLS),
  sketch: createSketch(),
})

/** A copy, which later changes leave alone. */
export const copySummary = (summary: DigestSummary): DigestSummary => ({
  ...summary,
  root: summary.root.slice(),
  cells: { low: summary.cells.low.slice(), high: summary.cells.high.slice(), check: summary.cells.check.slice() },
  sketch: summary.sketch.slice(),
})

/** The summary of the elements of a table, under its key. */
export function summarize(table: ElementTable): DigestSummary {
  const summary = createSummary(table.key)
  for (let at = 0; at < table.words.length; at += ELEMENT_WORDS) countElement(summary, table.words, at, 1)
  return summary
}

/**
 * Notes that a document has entered the scope (`before` undefined), changed, or left it (`after` undefined). `before` must
 * be what the summary was told last: it cannot know, and would never equal another again.
 */
export function changeSummary(summary: DigestSummary, id: string, before?: Hash64, after?: Hash64): void {
  hashId(id, summary.key)
  if (before !== undefined) {
    hashVersion(before, summary.key)
    countElement(summary, lastElement, 0, -1)
  }
  if (after !== undefined) {
    hashVersion(after, summary.key)
    countElement(summary, lastElement, 0, 1)
  }
}

/** Adds (sign 1) or takes away (sign -1) the element whose words stand in `words` from `at`. */
function countElement(summary: DigestSummary, words: Uint32Array, at: number, sign: 1 | -1): void {
  summary.count += sign
  addToRoot(summary.root, words, at, summary.key, sign)
  toggleTag(summary.cells, tagLow(words, at), tagHigh(words, at))
  addToSketch(summary.sketch, words, at, sign)
}

/** The summary as bytes to store, its key included: keep them as secret as the documents. */
export function encodeSummary(summary: DigestSummary): Uint8Array {
  const writer = encoding.createEncoder()
  fields.writeWords(writer, summary.key)
  fields.writeWords(writer, summary.root)
  encoding.writeVarUint(writer, summary.count)
  fields.writeCells(writer, 0, summary.cells)
  fields.writeSketch(writer, summary.sketch)
  return encoding.toUint8Array(writer)
}

/** Raises `bad-frame` for anything but exactly one summary; then it is to be built anew. */
export function decodeSummary(bytes: Uint8Array): DigestSummary {
  const reader = createReader(bytes)
  const key = fields.readKey(reader)
  const root = fields.readRoot(reader)
  const count = readVarint(reader, ELEMENTS_MAX)
  const cells = fields.readCells(reader, 0)
  const sketch = fields.readSketch(reader)
  if (cells.low.length !== SUMMARY_CELLS || sketch.length !== SKETCH_COUNTERS) malformed('a summary of another size')
  return bytesLeft(reader) === 0 ? { key, root, count, cells, sketch } : malformed('bytes follow a summary')
}
