import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { PIECE_BYTES_TARGET } from '../../../shared/limits.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import {
  COMPACT_BYTES,
  COMPACT_PIECES,
  COMPACT_RECORDS,
  compactToPieces,
  cutPiece,
  decodeClocks,
  encodeClocks,
  joinToPieces,
  raiseClocks,
  transferId,
  wantsFolding,
} from '../../../shared/update/fold.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import { type PieceBytes, pieceChecksum } from '../../../shared/update/piece-bytes.ts'
import { finish } from '../../../shared/update/steps.ts'
import { amount } from '../../support/amount.ts'
import { deletionsOfMany, lettersOfMany } from '../../support/many-deletions.ts'
import { contentOf, createDoc, docOf, forSeeds, randomHistory } from './histories.ts'

const inflated = (pieces: readonly PieceBytes[]): Uint8Array[] => pieces.map(inflatePiece)
const NOTE = { document: 'note', epoch: FIRST_EPOCH, gc: true }

function largeHistory(): Uint8Array[] {
  const doc = createDoc(true, 1)
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let i = 0; i < 12; i++) doc.getText('text').insert(i, `${i}`.repeat(50_000))
  return updates
}

describe('folding', () => {
  test('[P1] the cheap and the compacting way say the same as the updates', () => {
    forSeeds(1, 60, (_seed, chance) => {
      const gc = chance.below(2) === 0
      const { updates } = randomHistory(chance, { clients: 1 + chance.below(3), edits: 50, gc, plain: true })
      const expected = contentOf(docOf(updates, gc))
      const cheap = inflated(joinToPieces(updates))
      const compacted = inflated(finish(compactToPieces(updates, { gc })))
      for (const pieces of [cheap, compacted, inflated(finish(compactToPieces([...cheap, ...updates], { gc })))]) {
        expect(hashJoinedLog(pieces)).toBe(hashJoinedLog(updates))
        expect(contentOf(docOf(pieces, gc))).toBe(expected)
      }
    })
  })

  test('[P7] pieces are no larger than their target, and each rests on those before it', () => {
    const updates = largeHistory()
    for (const pieces of [joinToPieces(updates), finish(compactToPieces(updates, { gc: true }))]) {
      expect(pieces.length).toBeGreaterThan(2)
      const doc = createDoc(true)
      for (const piece of pieces) {
        expect(piece.size).toBeLessThanOrEqual(PIECE_BYTES_TARGET)
        Y.applyUpdate(doc, inflatePiece(piece))
        expect(doc.store.pendingStructs).toBeNull()
      }
      expect(doc.getText('text').length).toBe(600_000 + 2 * 50_000)
    }
    expect(joinToPieces([])).toEqual([])
    expect(finish(compactToPieces([], { gc: true }))).toEqual([])
  })
})

test.each([true, false])(
  '[P9] pieces are within the bounds of one update, however many deletions are folded; gc: %s',
  (gc) => {
    const histories = [[...deletionsOfMany()], [...lettersOfMany(), ...deletionsOfMany()]]
    for (const updates of histories.slice(0, amount(1, 2))) {
      const pieces = finish(compactToPieces(updates, { gc }))
      for (const piece of pieces) expect(inspectUpdate(inflatePiece(piece)).empty).toBe(false)
      expect(hashJoinedLog(pieces.map(inflatePiece))).toBe(hashJoinedLog(updates))
    }
  },
)

describe('a cut piece', () => {
  test('[P1] with what the other holds makes the whole', () => {
    forSeeds(100, 60, (_seed, chance) => {
      const { updates } = randomHistory(chance, { clients: 2, edits: 50, gc: true, plain: true })
      const known = docOf(updates.slice(0, chance.below(updates.length)))
      const pieces = joinToPieces(updates)
      const cut = pieces.flatMap((piece) => cutPiece(piece, Y.encodeStateVector(known)) ?? [])
      for (const bytes of inflated(cut)) Y.applyUpdate(known, bytes)
      expect(contentOf(known)).toBe(contentOf(docOf(updates)))
    })
  })

  test('of which nothing is left is none', () => {
    const updates = largeHistory()
    expect(joinToPieces(updates).map((piece) => cutPiece(piece, Y.encodeStateVector(docOf(updates))))).toEqual(
      joinToPieces(updates).map(() => undefined),
    )
  })
})

describe('names', () => {
  test('of a transfer tell the checkpoint and what it was cut by', () => {
    const [one, two] = ['1'.repeat(16), '2'.repeat(16)]
    const vectors = [undefined, Uint8Array.of(0), Uint8Array.of(1, 1, 1)]
    const ids = [one, two].flatMap((id) => vectors.map((vector) => transferId(id, vector)))
    expect(new Set(ids).size).toBe(6)
    expect(ids[0]).toBe(one)
  })

  test('[P5] a checksum covers the bytes and their place', () => {
    const piece = deflatePiece(Uint8Array.of(0, 0))
    const sums = [
      pieceChecksum(NOTE, '1'.repeat(16), 0, piece),
      pieceChecksum(NOTE, '1'.repeat(16), 1, piece),
      pieceChecksum(NOTE, '2'.repeat(16), 0, piece),
      pieceChecksum({ ...NOTE, document: 'other' }, '1'.repeat(16), 0, piece),
      pieceChecksum({ ...NOTE, epoch: `1${'0'.repeat(23)}` }, '1'.repeat(16), 0, piece),
      pieceChecksum(NOTE, '1'.repeat(16), 0, { ...piece, size: 3 }),
      pieceChecksum(NOTE, '1'.repeat(16), 0, { ...piece, bytes: Uint8Array.of(1) }),
    ]
    expect(new Set(sums).size).toBe(sums.length)
  })
})

test('clocks are those of a document, whatever was doubled, and are written as Yjs writes them', () => {
  forSeeds(200, 40, (_seed, chance) => {
    const { updates } = randomHistory(chance, { clients: 3, edits: 40, gc: true })
    const clocks = new Map<number, number>()
    for (const update of updates) raiseClocks(clocks, inspectUpdate(update).structs)
    for (const update of chance.shuffled(updates)) raiseClocks(clocks, inspectUpdate(update).structs)
    expect(encodeClocks(clocks)).toEqual(Y.encodeStateVector(docOf(updates)))
    expect(decodeClocks(encodeClocks(clocks))).toEqual(clocks)
  })
  const gap = new Map([[1, 5]])
  raiseClocks(gap, [{ client: 1, clock: 6, length: 2 }])
  expect(gap).toEqual(new Map([[1, 5]]))
})

test('folding is wanted for many records, for many bytes beside a small checkpoint, and for many small pieces', () => {
  const none = { records: 0, recordBytes: 0, pieces: 0, bytes: 0 }
  expect(wantsFolding(none)).toBe(false)
  expect(wantsFolding({ ...none, records: COMPACT_RECORDS })).toBe(false)
  expect(wantsFolding({ ...none, records: COMPACT_RECORDS + 1 })).toBe(true)
  expect(wantsFolding({ ...none, recordBytes: COMPACT_BYTES + 1 })).toBe(true)
  expect(wantsFolding({ ...none, recordBytes: COMPACT_BYTES + 1, bytes: 5 * COMPACT_BYTES })).toBe(false)
  expect(wantsFolding({ ...none, pieces: COMPACT_PIECES + 3, bytes: 1000 })).toBe(true)
  expect(wantsFolding({ ...none, pieces: 200, bytes: 200 * PIECE_BYTES_TARGET })).toBe(false)
})
