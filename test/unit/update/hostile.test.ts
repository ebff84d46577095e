import { createEncoder, toUint8Array, writeAny, writeVarUint } from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { RejoinError } from '../../../shared/errors.ts'
import { compactUpdates } from '../../../shared/update/compact.ts'
import { inspectUpdate } from '../../../shared/update/inspect.ts'
import { joinUpdates } from '../../../shared/update/join.ts'
import { byte, bytesOf, oneStruct, rootItem } from './bytes.ts'
import { type Chance, createDoc, forSeeds, randomHistory } from './histories.ts'

const STRING = 4
const EMBED = 5
const FORMAT = 6
const TYPE = 7
const ANY = 8
const SUBDOCUMENT = 9
const FAR = 2 ** 53 - 1

const lists = (depth: number) =>
  new Uint8Array(2 * depth + 1).map((_, i) => (i === 2 * depth ? 126 : i % 2 === 0 ? 117 : 1))
const json = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

function anyOf(value: unknown): Uint8Array {
  const encoder = createEncoder()
  writeAny(encoder, value as Record<string, never>)
  return toUint8Array(encoder)
}

function emptyClients(count: number): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, count)
  for (let client = 1; client <= count; client++) for (const part of [0, client, 0]) writeVarUint(encoder, part)
  writeVarUint(encoder, 0)
  return toUint8Array(encoder)
}

const proto = JSON.parse('{"__proto__": 1}')

const ATTACKS: readonly (readonly [string, Uint8Array])[] = [
  ['nothing at all', new Uint8Array()],
  ['33 million structs in seven bytes', bytesOf(1, 2 ** 25, 1, 0)],
  ['2^53 structs', bytesOf(1, FAR, 1, 0, byte(0), 1, 0)],
  ['2^53 clients', bytesOf(FAR, 1, 1, 0, byte(0), 1, 0)],
  ['200,000 clients without structs', emptyClients(200_000)],
  ['a client without structs', bytesOf(1, 0, 1, 0, 0)],
  ['a client twice', bytesOf(2, 1, 1, 0, byte(0), 1, 1, 1, 5, byte(0), 1, 0)],
  ['a clock of 2^53-1', bytesOf(1, 1, 1, FAR, byte(0), 1, 0)],
  ['a clock just beyond the bound', bytesOf(1, 1, 1, 2 ** 40, byte(0), 1, 0)],
  ['a GC of 2^53-2 clocks', oneStruct(byte(0), FAR - 1)],
  ['a GC of no clocks', oneStruct(byte(0), 0)],
  ['a gap of 2^53-2 clocks', oneStruct(byte(10), FAR - 1)],
  ['a gap of no clocks', oneStruct(byte(10), 0)],
  ['a tombstone of 2^53-2 clocks', oneStruct(...rootItem(1), FAR - 1)],
  [
    'a client id beyond 2^53',
    bytesOf(1, 1, new Uint8Array([255, 255, 255, 255, 255, 255, 255, 127]), 0, byte(0), 1, 0),
  ],
  ['a number without an end', new Uint8Array(100).fill(0x80)],
  ['a number in a longer form than it needs', bytesOf(1, 1, new Uint8Array([0x81, 0]), 0, byte(0), 1, 0)],
  ['an unknown kind of struct', oneStruct(...rootItem(11), 1)],
  ['a GC with flags', oneStruct(byte(0x80), 1)],
  ['a gap with flags', oneStruct(byte(0x8a), 1)],
  ['a parent that is neither name nor id', oneStruct(byte(STRING), 2, 1, 0, 'x')],
  ['an origin that is the struct itself', oneStruct(byte(0x80 | STRING), 1, 0, 'x')],
  ['a right origin later than the struct', oneStruct(byte(0x40 | STRING), 1, 9, 'x')],
  ['a parent later than the struct', oneStruct(byte(STRING), 0, 1, 9, 'x')],
  ['an origin at clock 2^53-1', oneStruct(byte(0x80 | STRING), 9, FAR, 'x')],
  ['an empty text', oneStruct(...rootItem(STRING), '')],
  ['a text longer than the bytes', oneStruct(...rootItem(STRING), 2 ** 30)],
  ['a text that is no UTF-8', oneStruct(...rootItem(STRING), 2, new Uint8Array([0xc0, 0x80]))],
  ['a text with half a surrogate pair', oneStruct(...rootItem(STRING), 3, new Uint8Array([0xed, 0xa0, 0x80]))],
  ['a text that is cut off in a character', oneStruct(...rootItem(STRING), 2, new Uint8Array([0xe2, 0x82]))],
  ['an empty list', oneStruct(...rootItem(ANY), 0)],
  ['a list of 2^50 values', oneStruct(...rootItem(ANY), 2 ** 50, byte(126))],
  ['lists nested 100,000 deep', oneStruct(...rootItem(ANY), 1, lists(100_000))],
  ['lists nested one too deep', oneStruct(...rootItem(ANY), 1, lists(65))],
  ['JSON nested 100,000 deep', oneStruct(...rootItem(EMBED), json(100_000))],
  ['JSON nested one too deep', oneStruct(...rootItem(EMBED), json(65))],
  ['an object with 2^50 keys', oneStruct(...rootItem(ANY), 1, byte(118), 2 ** 50)],
  ['a value of an unknown type', oneStruct(...rootItem(ANY), 1, byte(115))],
  ['bytes in a value longer than the update', oneStruct(...rootItem(ANY), 1, byte(116), 2 ** 40)],
  ['a key __proto__ in an object', oneStruct(...rootItem(ANY), 1, anyOf(proto))],
  ['a key __proto__ in a nested object', oneStruct(...rootItem(ANY), 1, anyOf([{ a: proto }]))],
  ['a key __proto__ in JSON', oneStruct(...rootItem(EMBED), '{"a":[{"__proto__":1}]}')],
  ['an escaped key __proto__ in JSON', oneStruct(...rootItem(EMBED), '{"\\u005f_proto__":1}')],
  ['a map key __proto__', oneStruct(byte(0x20 | ANY), 1, 'map', '__proto__', 1, byte(126))],
  ['a root type __proto__', oneStruct(byte(ANY), 1, '__proto__', 1, byte(126))],
  ['a format __proto__', oneStruct(...rootItem(FORMAT), '__proto__', 'true')],
  ['an embed that is no JSON', oneStruct(...rootItem(EMBED), '{a:1}')],
  ['a format that is no JSON', oneStruct(...rootItem(FORMAT), 'bold', 'undefined')],
  ['a name of 100,000 bytes', oneStruct(byte(ANY), 1, 'k'.repeat(100_000), 1, byte(126))],
  ['an unknown type', oneStruct(...rootItem(TYPE), 7)],
  ['a subdocument without options', oneStruct(...rootItem(SUBDOCUMENT), 'guid', byte(126))],
  ['a subdocument with a gcFilter', oneStruct(...rootItem(SUBDOCUMENT), 'guid', anyOf({ gcFilter: 1 }))],
  ['bytes after the end', bytesOf(0, 0, 0)],
  ['no delete set', bytesOf(0)],
  ['2^50 clients with deletions', bytesOf(0, 2 ** 50)],
  ['2^50 deletions', bytesOf(0, 1, 1, 2 ** 50)],
  ['a client without deletions', bytesOf(0, 1, 1, 0, 0, 0)],
  ['a client with deletions twice', bytesOf(0, 2, 1, 1, 0, 1, 1, 1, 5, 1)],
  ['a deletion of nothing', bytesOf(0, 1, 1, 1, 5, 0)],
  ['a deletion up to 2^53', bytesOf(0, 1, 1, 1, 0, FAR)],
  ['a deletion just beyond the bound', bytesOf(0, 1, 1, 1, 1, 2 ** 40)],
  ['100,001 deletions', bytesOf(0, 1, 1, 100_001, new Uint8Array(200_002).fill(1))],
]

const coded = expect.objectContaining({ code: expect.stringMatching(/^(invalid-update|too-big)$/) })

describe('hostile updates', () => {
  test.each(ATTACKS)('[P9] refuses %s', (_name, bytes) => {
    expect(() => inspectUpdate(bytes)).toThrow(coded)
    expect(() => joinUpdates([bytes, bytes])).toThrow(coded)
    expect(() => compactUpdates([bytes], { gc: true })).toThrow(coded)
  })

  test('accepts what is just within the bounds', () => {
    for (const bytes of [
      oneStruct(...rootItem(ANY), 1, lists(64)),
      oneStruct(...rootItem(EMBED), json(64)),
      bytesOf(1, 1, 1, 2 ** 40 - 1, byte(0), 1, 0),
      bytesOf(0, 1, 2 ** 53 - 1, 1, 0, 2 ** 40),
      oneStruct(byte(0x20 | ANY), 1, 'map', '__proto_', 1, byte(126)),
      oneStruct(...rootItem(EMBED), '{"a":"__proto__"}'),
      oneStruct(...rootItem(2), 2, 'undefined', '"undefined"'),
    ]) {
      expect(inspectUpdate(bytes).empty).toBe(false)
      expect(Y.decodeUpdate(bytes)).toBeDefined()
    }
  })

  test('[P7] a count costs no memory before its bytes are there', () => {
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 100; i++) expect(() => inspectUpdate(bytesOf(1, 2 ** 25, 1, 0))).toThrow(coded)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024)
  })

  test('[P9] refuses an honest update that is cut off, wherever', () => {
    forSeeds(1, 10, (_seed, chance) => {
      const { docs } = randomHistory(chance, { clients: 2, edits: 60, gc: true })
      const whole = Y.encodeStateAsUpdate(docs[0] as Y.Doc)
      for (let length = 0; length < whole.length; length++) {
        expect(() => inspectUpdate(whole.subarray(0, length))).toThrow(coded)
      }
    })
  })

  test('[P9] takes or refuses damaged updates with a code, and what it takes Yjs decodes alike', () => {
    let taken = 0
    let total = 0
    forSeeds(1, 60, (_seed, chance) => {
      const { updates, docs } = randomHistory(chance, { clients: 2, edits: 40, gc: true })
      const honest = [...updates, Y.encodeStateAsUpdate(docs[0] as Y.Doc)]
      for (let i = 0; i < 500; i++) {
        total++
        if (isTaken(damaged(chance, honest))) taken++
      }
    })
    expect(total - taken).toBeGreaterThan(total / 2)
    expect(taken).toBeGreaterThan(total / 100)
  })

  test('[P9] takes or refuses random bytes with a code', () => {
    forSeeds(1, 20, (_seed, chance) => {
      for (let i = 0; i < 500; i++) {
        isTaken(
          Uint8Array.from({ length: chance.below(60) }, () =>
            chance.below(2) === 0 ? chance.below(8) : chance.below(256),
          ),
        )
      }
    })
  })
})

/** Whether the bytes are accepted; then Yjs must find the same in them, and join and compact must take them. */
function isTaken(bytes: Uint8Array): boolean {
  let clocks: number
  try {
    clocks = inspectUpdate(bytes).structs.reduce((sum, { length }) => sum + length, 0)
  } catch (error) {
    if (error instanceof RejoinError) return false
    throw error
  }
  const { structs } = Y.decodeUpdate(bytes)
  expect(structs.reduce((sum, struct) => sum + (struct instanceof Y.Skip ? 0 : struct.length), 0)).toBe(clocks)
  inspectUpdate(joinUpdates([bytes, bytes]))
  inspectUpdate(compactUpdates([bytes], { gc: true }))
  Y.applyUpdate(createDoc(true), compactUpdates([bytes], { gc: false }))
  return true
}

/** An honest update with flipped bytes, a huge number, a part cut out, or a part of another spliced in. */
function damaged(chance: Chance, honest: readonly Uint8Array[]): Uint8Array {
  const bytes = chance.one(honest)
  const at = chance.below(bytes.length)
  switch (chance.below(4)) {
    case 0: {
      const flipped = bytes.slice()
      for (let flips = 1 + chance.below(3); flips > 0; flips--) flipped[chance.below(bytes.length)] = chance.below(256)
      return flipped
    }
    case 1:
      return bytesOf(bytes.subarray(0, at), 2 ** chance.below(54), bytes.subarray(at + 1))
    case 2:
      return bytesOf(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + chance.below(4))))
    default: {
      const other = chance.one(honest)
      return bytesOf(bytes.subarray(0, at), other.subarray(chance.below(other.length)))
    }
  }
}
