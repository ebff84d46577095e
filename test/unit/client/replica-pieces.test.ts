/** What a replica makes of pieces: checkpoints and joined batches that come from others, in every order and cut anywhere. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { UpdateLog } from '../../../client/replica/update-log.ts'
import { CHAIN_UNKNOWN } from '../../../shared/causality/chain.ts'
import { CHAIN_START, headOf, type VersionVector } from '../../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../../shared/environment.ts'
import { hash64 } from '../../../shared/hash.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { createIntervalIndex } from '../../../shared/update/intervals.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { hashJoinedLog } from '../../../shared/update/joined-log.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import type { Piece } from '../../../shared/wire/messages.ts'
import { amount } from '../../support/amount.ts'
import {
  acknowledge,
  answerOf,
  copyOf,
  damage,
  dump,
  durable,
  entriesOf,
  fetchFrom,
  foldAll,
  held,
  NOTE,
  openLog,
  otherRecords,
  PEER,
  piecesOf,
  read,
  records,
  takeAnswer,
  typist,
} from '../../support/stores.ts'
import { type Chance, createChance } from '../update/histories.ts'

const LARGE = 200_000

/** A replica with a document that is folded, of several pieces where words are large, and whose records are gone. */
async function folded(...words: string[]) {
  const store = durable()
  const log = await openLog(store)
  const writer = typist(log)
  for (const word of words) {
    await writer.type(word)
    await log.seal('note')
  }
  const sealed = await records(log)
  await acknowledge(log)
  await foldAll(log)
  return { store, log, writer, sealed }
}

/** Records that follow one another as one piece, as a relay sends what somebody missed; of those `before` it knows the chains. */
function joined(those: readonly UpdateRecord[], before: readonly UpdateRecord[] = [], through = 0): Piece {
  const bytes = joinUpdates(those.map((each) => each.bytes))
  const vector: VersionVector = new Map(those.map(({ origin, seq, chain }) => [origin, { seq, chain }]))
  const base = new Map(
    [...vector.keys()].flatMap((origin) => {
      const first = those.find((each) => each.origin === origin)
      const last = before.find((each) => each.origin === origin && each.seq + 1 === first?.seq)
      return last === undefined ? [] : [[origin, { seq: last.seq, chain: last.chain }] as const]
    }),
  )
  return {
    type: 'piece',
    ...NOTE,
    through,
    id: hash64(bytes),
    index: 0,
    count: 1,
    ...deflatePiece(bytes),
    vector,
    base,
  }
}

const pieceOf = (piece: Piece) => ({ type: 'piece' as const, piece })

/** Everything that was ever sealed, by its dot, and what must be here of it. */
function createOracle() {
  const known = new Map<string, UpdateRecord>()
  return {
    known: () => [...known.values()],
    note(those: readonly UpdateRecord[]) {
      for (const record of those) known.set(`${record.origin}/${record.seq}`, record)
    },
    /** Updates hold all that a vector says. */
    expectHeld(updates: readonly Uint8Array[], vector: VersionVector, who: string) {
      const index = createIntervalIndex()
      for (const bytes of updates) index.add(inspectUpdate(bytes))
      for (const record of known.values()) {
        if (headOf(vector, record.origin).seq < record.seq) continue
        const isThere = !index.adds(inspectUpdate(record.bytes))
        expect(isThere, `${who} lacks ${record.origin}/${record.seq}`).toBe(true)
      }
    },
    get size() {
      return known.size
    },
  }
}

/** What is folded is whole by itself, and so is what is held. */
async function expectSound(log: UpdateLog, oracle: ReturnType<typeof createOracle>, who: string): Promise<void> {
  const { vector } = await held(log)
  oracle.expectHeld((await log.load('note')).updates, vector, who)
  const { transfer, records: beyond } = await log.answer('note', { vector: new Map() })
  if (transfer === undefined) return
  const pieces = (await piecesOf({ transfer, records: beyond })).map((piece) => inflatePiece(piece))
  oracle.expectHeld(pieces, transfer.vector, `the checkpoint of ${who}`)
  const doc = new Y.Doc()
  for (const bytes of pieces) {
    Y.applyUpdate(doc, bytes)
    expect(doc.store.pendingStructs, `a piece of ${who} rests on what is not there`).toBeNull()
  }
}

describe('a checkpoint', () => {
  test('[P1][P3] comes in pieces, and is part of the document with the last one', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const bob = await openLog(durable())
    const answer = await answerOf(alice, bob)
    const pieces = await piecesOf(answer)
    expect(pieces.length).toBeGreaterThan(2)
    expect(answer.records).toEqual([])
    for (const [at, piece] of pieces.entries()) {
      expect(await bob.held('note')).toEqual(at === 0 ? undefined : expect.objectContaining({ vector: new Map() }))
      const { progress, arrived, pieces: whole, unfit } = await bob.take([pieceOf(piece)], PEER)
      const isLast = at === pieces.length - 1
      expect(progress).toEqual(isLast ? [] : [{ document: 'note', pieces: at + 1, count: pieces.length }])
      expect([arrived.size, unfit, whole.size]).toEqual([0, [], isLast ? 1 : 0])
    }
    expect(await read(bob)).toBe(await read(alice))
    expect((await held(bob)).vector).toEqual((await held(alice)).vector)
    // And a third gets it from there.
    const carol = await openLog(durable())
    await fetchFrom(carol, bob)
    expect(await read(carol)).toBe(await read(alice))
  })

  test('[P3] that is covered by what is held already is dropped, and settles what waited', async () => {
    const { log: alice } = await folded('hello ')
    const bob = await openLog(durable())
    const pieces = await piecesOf(await answerOf(alice, bob))
    await fetchFrom(bob, alice)
    const bobs = typist(bob)
    await bobs.look()
    await bobs.type('world')
    await bob.seal('note')
    await fetchFrom(alice, bob)
    await foldAll(alice)
    const before = await held(bob)
    for (const piece of pieces) expect((await bob.take([pieceOf(piece)], PEER)).unfit).toEqual([])
    expect(await held(bob)).toEqual(before)
    // The same transfer again takes nothing away of what is here.
    expect(await read(bob)).toBe('hello world')
    const all = await alice.answer('note', { vector: new Map() })
    await takeAnswer(bob, alice, all)
    expect(await held(bob)).toMatchObject({ unacknowledged: 0 })
    expect(await read(bob)).toBe('hello world')
    const carol = await openLog(durable())
    await fetchFrom(carol, bob)
    expect(await read(carol)).toBe('hello world')
  })

  test('[P2] that is cut by a crash goes on behind the pieces that are there', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const store = durable()
    const before = await openLog(store)
    const pieces = await piecesOf(await answerOf(alice, before))
    const peer = { ...PEER, replica: alice.replica }
    for (const piece of pieces.slice(0, 2)) await before.take([pieceOf(piece)], peer)
    const bob = await openLog(store)
    expect((await bob.load('note')).updates).toEqual([])
    expect(await bob.compared('note', alice.replica)).toMatchObject({ partial: { id: pieces[0]?.id, pieces: 2 } })
    // Another relay knows nothing of it.
    expect((await bob.compared('note', PEER.replica))?.partial).toBeUndefined()
    const answer = await answerOf(alice, bob)
    expect(answer.transfer?.from).toBe(2)
    expect((await piecesOf(answer)).length).toBe(pieces.length - 2)
    await takeAnswer(bob, alice, answer)
    expect(await read(bob)).toBe(await read(alice))
    expect((await dump(store)).partials).toEqual([])
  })

  test('[P2] that was cut goes on, also if more was stored or typed meanwhile', async () => {
    const { log: alice, writer } = await folded('a'.repeat(LARGE))
    const store = durable()
    const before = await openLog(store)
    await fetchFrom(before, alice)
    for (const word of ['b', 'c', 'd']) {
      await writer.type(word.repeat(LARGE))
      await alice.seal('note')
    }
    await acknowledge(alice)
    await foldAll(alice)
    const peer = { ...PEER, replica: alice.replica }
    const pieces = await piecesOf(await answerOf(alice, before))
    expect(pieces.length).toBeGreaterThan(1)
    await before.take([pieceOf(pieces[0] ?? expect.fail())], peer)
    await before.take([entriesOf(...otherRecords(2))], PEER)
    const bob = await openLog(store)
    const bobs = typist(bob)
    await bobs.look()
    await bobs.type('mine')
    await bob.seal('note')
    const answer = await answerOf(alice, bob)
    expect(answer.transfer?.from).toBe(1)
    for (const taken of await takeAnswer(bob, alice, answer)) expect(taken.unfit).toEqual([])
    const text = await read(bob)
    for (const part of ['mine', 'aa', 'd'.repeat(LARGE)]) expect(text).toContain(part)
  })

  test('[P3] that begins again takes nothing from what came of it before', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const bob = await openLog(durable())
    const pieces = await piecesOf(await answerOf(alice, bob))
    for (const piece of [...pieces, ...pieces.slice(0, 2), ...pieces]) {
      expect((await bob.take([pieceOf(piece)], PEER)).unfit).toEqual([])
    }
    expect(await read(bob)).toBe(await read(alice))
  })

  test('[P3] that was cut begins anew where its sender has folded again', async () => {
    const { log: alice, writer } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const store = durable()
    const bob = await openLog(store)
    const [first] = await piecesOf(await answerOf(alice, bob))
    await bob.take([pieceOf(first ?? expect.fail())], { ...PEER, replica: alice.replica })
    await writer.type('d'.repeat(LARGE))
    await alice.seal('note')
    await acknowledge(alice)
    await foldAll(alice)
    const answer = await answerOf(alice, bob)
    expect(answer.transfer?.from).toBe(0)
    await takeAnswer(bob, alice, answer)
    expect(await read(bob)).toBe(await read(alice))
    // Nothing is left of the first one.
    const { pieces, checkpoints } = await dump(store)
    expect(pieces.length).toBe(checkpoints[0]?.value.pieces.reduce((sum, { count }) => sum + count, 0))
  })

  test('[P3] out of order, or with a piece missing, is dropped and asked for again', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const store = durable()
    const bob = await openLog(store)
    const [first, second, third] = await piecesOf(await answerOf(alice, bob))
    if (first === undefined || second === undefined || third === undefined) expect.fail('there are not enough pieces')
    const gap = [{ where: NOTE, origin: '', code: 'gap' }]
    expect((await bob.take([pieceOf(second)], PEER)).unfit).toEqual(gap)
    expect((await bob.take([pieceOf(first), pieceOf(third)], PEER)).unfit).toEqual(gap)
    expect((await bob.take([pieceOf(second)], PEER)).unfit).toEqual(gap)
    expect((await dump(store)).pieces).toEqual([])
    expect((await held(bob)).vector.size).toBe(0)
    await fetchFrom(bob, alice)
    expect(await read(bob)).toBe(await read(alice))
  })

  test('[P9] with bytes that are no update is left out, and what comes with it is taken', async () => {
    const bob = await openLog(durable())
    const fine = joined(otherRecords(3))
    const other = { ...joined(otherRecords(3)), document: 'other' }
    const bad = async (change: Partial<Piece>) => {
      const { unreadable, unfit } = await bob.take([pieceOf({ ...other, ...change }), pieceOf(fine)], PEER)
      expect(unfit).toEqual([])
      return unreadable.map(({ where, error }) => [where.document, error.code])
    }
    expect(await bad(deflatePiece(Uint8Array.of(1, 2, 3)))).toEqual([['other', 'invalid-update']])
    expect(await bad({ bytes: other.bytes.subarray(1) })).toEqual([['other', 'invalid-update']])
    expect(await bad({ size: 2 ** 40 })).toEqual([['other', 'too-big']])
    expect(await bad({ size: other.size + 1 })).toEqual([['other', 'invalid-update']])
    expect((await bob.documents()).filter(({ vector }) => vector.size > 0).map(({ ref }) => ref.document)).toEqual([
      'note',
    ])
    expect(await read(bob)).toBe('aaa')
  })

  test('[P7] that nobody went on with for a day is forgotten', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE))
    const store = durable()
    const bob = await openLog(store)
    const [piece] = await piecesOf(await answerOf(alice, bob))
    await bob.take([pieceOf(piece ?? expect.fail())], PEER)
    await openLog(store)
    expect((await dump(store)).partials).toHaveLength(1)
    await openLog(store, undefined, { ...systemEnvironment, now: () => Date.now() + 25 * 3_600_000 })
    expect([(await dump(store)).partials, (await dump(store)).pieces]).toEqual([[], []])
  })

  test('[P5] of which a piece is damaged is taken out, told, and fetched again', async () => {
    const { log: alice } = await folded('a'.repeat(LARGE), 'b'.repeat(LARGE), 'c'.repeat(LARGE))
    const told: unknown[] = []
    const store = durable()
    const bob = await openLog(store, (...damaged) => told.push(damaged))
    await fetchFrom(bob, alice)
    const bobs = typist(bob)
    await bobs.look()
    await bobs.type('mine')
    await bob.seal('note')
    const [, middle] = (await dump(store)).pieces
    await damage(store, 'pieces', middle?.key ?? expect.fail())
    expect(await read(bob)).not.toContain('aaa')
    expect(told).toEqual([['note', 1]])
    expect((await held(bob)).vector.has(alice.replica)).toBe(false)
    expect(await held(bob)).toMatchObject({ unacknowledged: 1 })
    await fetchFrom(bob, alice)
    expect(await read(bob)).toBe(`${await read(alice)}mine`)
    expect(told).toHaveLength(1)
  })

  test('[P5] of which a piece is damaged stays held as far as its records are here', async () => {
    const told: unknown[] = []
    const store = durable()
    const bob = await openLog(store, (...damaged) => told.push(damaged))
    await bob.take([entriesOf(...otherRecords(3))], PEER)
    const carols = otherRecords(2, 'c'.repeat(16), 'c')
    await bob.take([pieceOf(joined(carols))], PEER)
    const [piece] = (await dump(store)).pieces
    await damage(store, 'pieces', piece?.key ?? expect.fail())
    expect(await read(bob)).toBe('aaa')
    expect(told).toEqual([['note', 1]])
    expect([...(await held(bob)).vector.keys()]).toEqual(['a'.repeat(16)])
  })
})

describe('a joined batch', () => {
  test('[P3] is taken with what is held, whatever overlaps', async () => {
    const all = otherRecords(8)
    const chance = createChance(5)
    for (let round = 0; round < 40; round++) {
      const bob = await openLog(durable())
      let have = 0
      for (let step = 0; step < 12; step++) {
        const from = chance.below(Math.min(have + 1, all.length))
        const to = from + 1 + chance.below(all.length - from)
        const some = all.slice(from, to)
        const came = chance.below(2) === 0 ? entriesOf(...some) : pieceOf(joined(some, all))
        const { unfit } = await bob.take([came], PEER)
        if (unfit.length > 0) {
          // It does not begin at the head, and what is held there is trimmed, or not told: it is asked for again.
          expect(unfit).toEqual([{ where: NOTE, origin: '', code: 'gap' }])
          expect(from).not.toBe(have)
          expect((await bob.take([pieceOf(joined(all.slice(have, to), all))], PEER)).unfit).toEqual([])
        }
        have = Math.max(have, to)
        if (chance.below(4) === 0) await foldAll(bob)
        expect(headOf((await held(bob)).vector, 'a'.repeat(16)).seq, `round ${round}`).toBe(have)
        expect(await read(bob), `round ${round}`).toBe('a'.repeat(have))
      }
    }
  })

  test('is handed to open documents between the records that came before and after it', async () => {
    const [one, ...rest] = otherRecords(6)
    const [last] = rest.slice(-1)
    if (one === undefined || last === undefined) expect.fail()
    const bob = await openLog(durable())
    const batch = joined(rest.slice(0, -1), [one])
    const { arrived, pieces, documents } = await bob.take([entriesOf(one), pieceOf(batch), entriesOf(last)], PEER)
    expect(arrived.get('note')?.map(({ seq }) => seq)).toEqual([1, 6])
    const before = new Map([[one.origin, { seq: 1, chain: one.chain }]])
    expect(pieces.get('note')).toEqual([{ updates: [inflatePiece(batch)], vector: batch.vector, before }])
    expect(documents).toHaveLength(1)
    // Who has seen some is given the rest.
    const { updates, seen } = await bob.load('note', { vector: new Map([[one.origin, 1]]), edits: new Map() })
    expect(seen.vector).toEqual(new Map([[one.origin, 6]]))
    expect(createDocOf([one.bytes, ...updates])).toBe('aaaaaa')
    expect((await bob.load('note', seen)).updates).toEqual([])
  })

  test('[P8] that forks from what is held is refused as a whole', async () => {
    const mine = otherRecords(3)
    const theirs = otherRecords(3, 'a'.repeat(16), 'b')
    const store = durable()
    const bob = await openLog(store)
    await bob.take([entriesOf(...mine)], PEER)
    const { unfit } = await bob.take([pieceOf(joined([...theirs, ...otherRecords(1, 'c'.repeat(16))]))], PEER)
    expect(unfit).toEqual([{ where: NOTE, origin: 'a'.repeat(16), code: 'fork' }])
    expect((await dump(store)).pieces).toEqual([])
    expect(await read(bob)).toBe('aaa')
  })

  test('[P8] that continues another history than is held is a fork, though nothing in it shows that', async () => {
    const [mine, theirs] = [otherRecords(3), otherRecords(6, 'a'.repeat(16), 'b')]
    const store = durable()
    const bob = await openLog(store)
    await bob.take([entriesOf(...mine)], PEER)
    for (const from of [2, 3]) {
      const { unfit } = await bob.take([pieceOf(joined(theirs.slice(from), theirs))], PEER)
      expect(unfit).toEqual([{ where: NOTE, origin: 'a'.repeat(16), code: 'fork' }])
    }
    for (const piece of [joined(theirs.slice(4), theirs), joined(theirs)]) {
      expect((await bob.take([pieceOf(piece)], PEER)).unfit).toEqual([{ where: NOTE, origin: '', code: 'gap' }])
    }
    expect((await dump(store)).pieces).toEqual([])
    expect(await read(bob)).toBe('aaa')
  })

  test('[P8] whose sender knows no more what it continues is taken, and is in doubt until it is checked or found to be a fork', async () => {
    const A = 'a'.repeat(16)
    const all = otherRecords(6)
    const bob = await openLog(durable())
    await bob.take([entriesOf(...all.slice(0, 3))], PEER)
    const from = (seq: number, to: number): Piece => ({
      ...joined(all.slice(seq, to)),
      base: new Map([[A, { seq, chain: CHAIN_UNKNOWN }]]),
    })
    const first = await bob.take([pieceOf(from(3, 4))], PEER)
    expect([first.unfit, first.doubted]).toEqual([[], ['note']])
    expect(await read(bob)).toBe('aaaa')
    const elsewhere = { ...PEER, replica: 'e'.repeat(16) }
    await bob.take([pieceOf(from(4, 5))], elsewhere)
    expect(await bob.doubted(PEER.replica)).toEqual(new Map([['note', A]]))
    await bob.trust('note', PEER.replica)
    expect(await bob.doubted(PEER.replica)).toEqual(new Map())
    expect(await bob.doubted(elsewhere.replica)).toEqual(new Map([['note', A]]))
    // Then nothing is held of it any more that the relay could lack.
    await bob.unseal('note', A)
    expect(await bob.doubted(elsewhere.replica)).toEqual(new Map())
    // What it does not continue from the head is compared first.
    const carol = await openLog(durable())
    await carol.take([entriesOf(...all.slice(0, 3))], PEER)
    const other = await carol.take([pieceOf(from(2, 5))], PEER)
    expect([other.unfit, other.doubted]).toEqual([[{ where: NOTE, origin: '', code: 'gap' }], []])
  })

  test('[P3] that answers an older vector is not taken once something was taken out', async () => {
    const store = durable()
    const bob = await openLog(store)
    const all = otherRecords(6)
    await bob.take([entriesOf(...all.slice(0, 4))], PEER)
    await damage(store, 'records', ['note', 'a'.repeat(16), 3])
    await read(bob)
    const late = pieceOf(joined(all.slice(4), all))
    expect((await bob.take([late], PEER)).unfit).toEqual([{ where: NOTE, origin: '', code: 'gap' }])
    expect((await bob.compared('note', PEER.replica))?.vector.get('a'.repeat(16))?.seq).toBe(2)
    expect((await bob.take([pieceOf(joined(all.slice(2), all))], PEER)).unfit).toEqual([])
    expect(await read(bob)).toBe('aaaaaa')
  })

  test('[P8] what waits is never folded: it can be refused, and renamed', async () => {
    const bob = await openLog(durable())
    await bob.take([entriesOf(...otherRecords(3))], PEER)
    const bobs = typist(bob)
    await bobs.look()
    await bobs.type('mine ')
    await bob.seal('note')
    await bob.take([pieceOf(joined(otherRecords(2, 'c'.repeat(16), 'c')))], PEER)
    await foldAll(bob)
    expect(await held(bob)).toMatchObject({ unacknowledged: 1 })
    const { unacknowledged } = (await bob.unseal('note', bob.replica)) ?? expect.fail()
    expect(unacknowledged).toBe(1)
    expect((await read(bob)).includes('mine')).toBe(true)
    const branch = await bob.refuse('note', 'forbidden', 'no')
    expect(createDocOf([...(await bob.load('note')).updates, branch?.bytes ?? expect.fail()])).toContain('mine')
    expect(await read(bob)).not.toContain('mine')
    expect((await held(bob)).vector.size).toBe(2)
  })

  test('[P3] that rests on what waits comes again when that is acknowledged', async () => {
    const bob = await openLog(durable())
    const bobs = typist(bob)
    await bobs.type('mine ')
    const [waiting] = (await bob.seal('note')).records
    // Somebody has read it there and answered; its acknowledgement is still on its way.
    const doc = new Y.Doc()
    for (const { bytes } of await records(bob)) Y.applyUpdate(doc, bytes)
    const before = Y.encodeStateVector(doc)
    doc.getText('text').insert(2, 'yours')
    const bytes = Y.encodeStateAsUpdate(doc, before)
    const theirs = seal(NOTE, { origin: 'd'.repeat(16), seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    const batch = pieceOf(joined([theirs]))
    expect((await bob.take([batch], PEER)).unfit).toEqual([{ where: NOTE, origin: '', code: 'gap' }])
    await acknowledge(bob)
    expect((await bob.take([batch], PEER)).unfit).toEqual([])
    expect(await read(bob)).toBe('miyoursne ')
    expect(waiting?.seq).toBe(1)
  })
})

describe('what was folded', () => {
  test('[P3] the state vector that is told does not name what waits', async () => {
    const { log: alice, writer } = await folded('shared text that is long enough to be worth a state vector '.repeat(9))
    const bob = await openLog(durable())
    await fetchFrom(bob, alice)
    const bobs = typist(bob)
    await bobs.look()
    await bobs.type('waits ')
    await bob.seal('note')
    const { stateVector, vector } = (await bob.compared('note', alice.replica)) ?? expect.fail()
    expect([...Y.decodeStateVector(stateVector ?? expect.fail()).keys()]).toEqual([writer.doc.clientID])
    expect(vector.size).toBe(2)
  })

  test('[P1] a cut checkpoint that is passed on to a third holds all that its vector says', async () => {
    const beginning = 'the beginning of a long text that everybody has got, '.repeat(9)
    const { log: alice, writer } = await folded(beginning)
    const bob = await openLog(durable())
    await fetchFrom(bob, alice)
    await writer.type('and its end')
    await alice.seal('note')
    await acknowledge(alice)
    await foldAll(alice)
    const cut = await answerOf(alice, bob)
    const whole = await alice.answer('note', { vector: new Map() })
    expect(cut.transfer?.id).not.toBe(whole.transfer?.id)
    expect((await piecesOf(cut))[0]?.size).toBeLessThan((await piecesOf(whole))[0]?.size ?? 0)
    await takeAnswer(bob, alice, cut)
    const carol = await openLog(durable())
    await fetchFrom(carol, bob)
    expect(await read(carol)).toBe(`${beginning}and its end`)
  })

  test('[P8] does not go to somebody who may hold another history where the chain is gone', async () => {
    const { log: alice, writer, sealed } = await folded('one ', 'two ', 'three ')
    const [first] = sealed
    if (first === undefined) expect.fail()
    const doc = new Y.Doc()
    for (const each of sealed) Y.applyUpdate(doc, each.bytes)
    const before = Y.encodeStateVector(doc)
    doc.getText('text').delete(0, 4)
    const bytes = Y.encodeStateAsUpdate(doc, before)
    const erased = seal(NOTE, { origin: 'd'.repeat(16), seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)
    await alice.take([entriesOf(erased)], PEER)
    const vector = new Map([first, erased].map(({ origin, seq, chain }) => [origin, { seq, chain }] as const))
    const known = Y.encodeStateVectorFromUpdate(joinUpdates([first.bytes, erased.bytes]))
    const { transfer, unproven } = await alice.answer('note', { vector, stateVector: known }, true)
    const pieces = await piecesOf({ transfer, records: [] })
    // With all that the other told: what it takes meanwhile is nothing that this is to prove.
    expect(pieces.at(-1)?.base).toEqual(new Map([...vector, [first.origin, { seq: 1, chain: CHAIN_UNKNOWN }]]))
    // What was deleted behind the checkpoint comes too, for the other to see that all its deletions are here.
    const came = createIntervalIndex()
    for (const piece of pieces) came.add(inspectUpdate(inflatePiece(piece)))
    expect([unproven, came.deletes(writer.doc.clientID, 0, 4)]).toEqual([undefined, true])
    const [foreign] = otherRecords(1, 'c'.repeat(16), 'c')
    const stateVector = Y.encodeStateVectorFromUpdate(foreign?.bytes ?? expect.fail())
    expect(await alice.answer('note', { vector, stateVector }, true)).toEqual({ unproven: first.origin, records: [] })
    expect(await alice.answer('note', { vector }, true)).toEqual({ unproven: first.origin, records: [] })
  })

  test('[P2] reaches a new relay, also what only a dead one had acknowledged', async () => {
    const { log: alice, store } = await folded('only here')
    expect((await dump(store)).records).toEqual([])
    // A relay that was never met is compared; one that stopped before the fold too.
    expect(await alice.peer('ws://new')).toBeUndefined()
    const { compare, offered } = await alice.outbox(0, 'b'.repeat(16), 100)
    expect([compare, offered]).toEqual([[NOTE], []])
    const relay = await openLog(durable())
    await fetchFrom(relay, alice)
    expect(await read(relay)).toBe('only here')
  })

  test('[P2] what one relay sent in pieces is offered to the others, not to it', async () => {
    const bob = await openLog(durable())
    await bob.take([pieceOf(joined(otherRecords(5)))], PEER)
    expect((await bob.outbox(0, PEER.replica, 100)).compare).toEqual([])
    expect((await bob.outbox(0, 'b'.repeat(16), 100)).compare).toEqual([NOTE])
    await bob.take([pieceOf(joined(otherRecords(5, 'c'.repeat(16))))], { ...PEER, replica: 'b'.repeat(16) })
    for (const relay of [PEER.replica, 'b'.repeat(16)]) {
      expect((await bob.outbox(0, relay, 100)).compare, relay).toEqual([NOTE])
    }
  })

  test('[P4] a place from before what was trimmed counts no more', async () => {
    const log = await openLog(durable())
    const { type } = typist(log)
    const place = { epoch: 'e'.repeat(16), offset: 1 }
    await log.note({ ...PEER, place, watermark: 0, begin: true })
    await type('a')
    await log.seal('note')
    await acknowledge(log)
    await foldAll(log)
    // That relay is owed it.
    expect((await log.outbox(0, PEER.replica, 100)).offered).toHaveLength(1)
    expect(await log.peer(PEER.url)).toMatchObject({ place })
    const { round } = (await log.peer(PEER.url)) ?? expect.fail()
    await log.note({ ...PEER, round, place, watermark: 1 })
    await type('b')
    await log.seal('note')
    await acknowledge(log)
    await foldAll(log)
    const [first, ...rest] = (await log.outbox(0, PEER.replica, 100)).offered
    expect([first?.record.seq, rest]).toEqual([2, []])
    expect(await log.peer(PEER.url)).toMatchObject({ watermark: 1 })
    expect((await log.outbox(0, 'b'.repeat(16), 100)).compare).toEqual([NOTE])
  })

  test('[P2][P8] acknowledgements and records of what was trimmed are passed over', async () => {
    const { log, sealed } = await folded('a', 'b', 'c')
    const [first, second] = sealed
    if (first === undefined || second === undefined) expect.fail()
    const { unfit } = await log.take(
      [{ type: 'ack', ack: { type: 'ack', ...NOTE, ...second, through: 0 } }, entriesOf(first, second)],
      PEER,
    )
    expect(unfit).toEqual([])
    const other = await log.take([{ type: 'ack', ack: { type: 'ack', ...NOTE, ...second, seq: 9, through: 0 } }], PEER)
    expect(other.unfit).toHaveLength(1)
  })

  test('[P8] a fork whose branches were both acknowledged, and folded: nothing is lost on either side', async () => {
    const store = durable()
    const alice = await openLog(store)
    const writer = typist(alice)
    await writer.type('both ')
    await alice.seal('note')
    await acknowledge(alice)
    const clone = await openLog(await copyOf(store))
    await writer.type('mine ')
    await alice.seal('note')
    const clones = typist(clone)
    await clones.look()
    for (const word of ['theirs ', 'too ']) {
      await clones.type(word)
      await clone.seal('note')
    }
    for (const log of [alice, clone]) {
      await acknowledge(log)
      await foldAll(log)
    }
    const met = await fetchFrom(alice, clone)
    expect(met.flatMap(({ unfit }) => unfit)).toEqual([{ where: NOTE, origin: alice.replica, code: 'fork' }])
    await alice.unseal('note', alice.replica)
    for (const taken of await fetchFrom(alice, clone)) expect(taken.unfit).toEqual([])
    for (const taken of await fetchFrom(clone, alice)) expect(taken.unfit).toEqual([])
    const text = await read(alice)
    expect(text.split(' ').sort()).toEqual(['', 'both', 'mine', 'theirs', 'too'])
    expect(await read(clone)).toBe(text)
    expect((await held(clone)).vector).toEqual((await held(alice)).vector)
    const carol = await openLog(durable())
    await fetchFrom(carol, alice)
    expect(await read(carol)).toBe(text)
  })

  test('[P8] a store that was copied back meets its own later records in a checkpoint', async () => {
    const store = durable()
    const alice = await openLog(store)
    const writer = typist(alice)
    await writer.type('one ')
    await alice.seal('note')
    await acknowledge(alice)
    const backup = await copyOf(store)
    for (const word of ['two ', 'three ']) {
      await writer.type(word)
      await alice.seal('note')
    }
    const relay = await openLog(durable())
    await fetchFrom(relay, alice)
    await foldAll(relay)
    const restored = await openLog(backup)
    const again = typist(restored)
    await again.look()
    await again.type('since ')
    await restored.seal('note')
    const taken = await fetchFrom(restored, relay)
    expect(taken.flatMap(({ unfit }) => unfit)).toEqual([{ where: NOTE, origin: alice.replica, code: 'fork' }])
    await restored.unseal('note', alice.replica)
    for (const { unfit } of await fetchFrom(restored, relay)) expect(unfit).toEqual([])
    await fetchFrom(relay, restored)
    const text = await read(restored)
    expect(text.split(' ').sort()).toEqual(['', 'one', 'since', 'three', 'two'])
    expect(await read(relay)).toBe(text)
  })
})

function createDocOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc()
  for (const bytes of updates) Y.applyUpdate(doc, bytes)
  return doc.getText('text').toString()
}

/** Devices that type, relays that keep, and everything in between cut short at random. */
async function live(chance: Chance, steps: number) {
  const oracle = createOracle()
  const stores = Array.from({ length: 5 }, durable)
  const logs = await Promise.all(stores.map((store) => openLog(store)))
  const [devices, relays] = [
    [0, 1, 2],
    [3, 4],
  ]
  const typists = new Map<number, ReturnType<typeof typist>>()

  async function type(at: number): Promise<void> {
    const log = logs[at] as UpdateLog
    const writer = typists.get(at) ?? typist(log)
    typists.set(at, writer)
    if ((await log.held('note')) !== undefined) await writer.look()
    await writer.type(chance.one(['a', 'word ', 'x😀y']), chance.one(['.', 'longer text ']))
    const text = writer.doc.getText('text')
    if (chance.below(3) === 0) {
      const before = Y.encodeStateVector(writer.doc)
      text.delete(chance.below(text.length), 1)
      await log.append({
        where: NOTE,
        n: 1_000_000 + chance.below(2 ** 30),
        bytes: Y.encodeStateAsUpdate(writer.doc, before),
        count: 1,
      })
    }
    await log.seal('note')
    oracle.note(await records(log))
  }

  async function reopen(at: number): Promise<void> {
    logs[at] = await openLog(stores[at] as ReturnType<typeof durable>)
    typists.delete(at)
  }

  /** As far as the connection lasts. */
  async function sync(at: number, relay: number, cut: number): Promise<void> {
    const [device, server] = [logs[at] as UpdateLog, logs[relay] as UpdateLog]
    for (const [to, from] of [
      [device, server],
      [server, device],
    ] as const) {
      if ((await from.held('note')) === undefined) continue
      const answer = await answerOf(from, to)
      for (const piece of await piecesOf(answer)) {
        if (chance.below(100) < cut) return
        await to.take([pieceOf(piece)], { ...PEER, replica: from.replica })
      }
      if (chance.below(100) < cut) return
      const some =
        chance.below(100) < cut ? answer.records.slice(0, chance.below(answer.records.length + 1)) : answer.records
      const batch =
        some.length > 0 && chance.below(3) === 0 ? pieceOf(joined(some, oracle.known())) : entriesOf(...some)
      await to.take([batch], { ...PEER, replica: from.replica })
    }
    if (chance.below(100) < cut) return
    const vector = (await server.held('note'))?.vector ?? new Map()
    await device.take([{ type: 'held', where: NOTE, vector }], { ...PEER, replica: server.replica })
  }

  for (let step = 0; step < steps; step++) {
    const at = chance.one(devices)
    const what = chance.below(10)
    if (what < 4) await type(at)
    else if (what < 7) await sync(at, chance.one(relays), 30)
    else if (what < 9) {
      const any = chance.one([...devices, ...relays])
      if (relays.includes(any) && (await logs[any]?.held('note'))) await acknowledge(logs[any] as UpdateLog)
      if (await logs[any]?.held('note')) await foldAll(logs[any] as UpdateLog)
    } else await reopen(at)
    for (const [i, log] of logs.entries()) if (await log.held('note')) await expectSound(log, oracle, `replica ${i}`)
  }
  for (let round = 0; round < 3; round++) for (const at of devices) for (const relay of relays) await sync(at, relay, 0)
  return { logs, oracle }
}

test('[P1][P3] replicas that fold, cut and cross in any way hold the same in the end', async () => {
  const seeds = amount(5, 25)
  let dots = 0
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      const { logs, oracle } = await live(createChance(seed), 40)
      dots += oracle.size
      const [first, ...others] = logs as [UpdateLog, ...UpdateLog[]]
      const expected = { vector: (await held(first)).vector, hash: await hashOf(first), text: await read(first) }
      for (const log of others) {
        expect({ vector: new Map([...(await held(log)).vector].sort()), text: await read(log) }).toEqual({
          vector: new Map([...expected.vector].sort()),
          text: expected.text,
        })
        expect(await hashOf(log)).toBe(expected.hash)
      }
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  expect(dots).toBeGreaterThan(4 * seeds)
})

const hashOf = async (log: UpdateLog): Promise<string> => hashJoinedLog((await log.load('note')).updates)
