import { createDecoder, readAny } from 'lib0/decoding'
import { createEncoder, toUint8Array, writeAny, writeVarString } from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import { RejoinError } from '../../../shared/errors.ts'
import { type Cursor, utf16Length } from '../../../shared/update/cursor.ts'
import { skipAny, skipJson } from '../../../shared/update/values.ts'
import { type Chance, forSeeds } from './histories.ts'

function isTaken(bytes: Uint8Array, skip: (cursor: Cursor) => void): boolean {
  const cursor = { bytes, at: 0 }
  try {
    skip(cursor)
  } catch (error) {
    if (error instanceof RejoinError) return false
    throw error
  }
  return cursor.at === bytes.length
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '"a"',
  '""',
  '"\\u00e9"',
  '"\\ud800"',
  '"\\x"',
  '1',
  '-0',
  '01',
  '1.',
  '.5',
]
const MORE = [
  '2.5e-3',
  '1E+9',
  'e',
  'true',
  'false',
  'null',
  'nul',
  ' ',
  '\n',
  '\t',
  '\u0007',
  '"é😀"',
  '\\',
  '"\u0001"',
  '-',
  '\u00a0',
]

function tokens(chance: Chance): string {
  return Array.from({ length: 1 + chance.below(7) }, () => chance.one([...TOKENS, ...MORE])).join('')
}

function damaged(chance: Chance, text: string): string {
  const at = chance.below(text.length)
  return (
    text.slice(0, at) +
    (chance.below(2) === 0 ? '' : chance.one([...TOKENS, ...MORE])) +
    text.slice(at + chance.below(2))
  )
}

const SAMPLE = JSON.stringify({ a: [1, -2.5e10, 'x"\\\u0000\ud800', null], b: { c: true, d: {} }, é: [[], ['😀']] })

describe('values in an update', () => {
  test('JSON is taken exactly where JSON.parse takes it', () => {
    let valid = 0
    const part = forSeeds(1, 100, (_seed, chance) => {
      for (let i = 0; i < 300; i++) {
        const text = chance.below(2) === 0 ? tokens(chance) : damaged(chance, SAMPLE)
        const encoder = createEncoder()
        writeVarString(encoder, text)
        const bytes = toUint8Array(encoder)
        // what a reader parses is what came through UTF-8
        const parsed = Buffer.from(text).toString()
        expect([text, isTaken(bytes, skipJson)]).toEqual([text, isJson(parsed)])
        if (isJson(parsed)) valid++
      }
    })
    expect(valid).toBeGreaterThan(1_000 * part)
  })

  test('a lib0 value ends where lib0 ends reading it', () => {
    const values = [
      0,
      -0,
      1,
      -1,
      63,
      64,
      -64,
      2 ** 31 - 1,
      -(2 ** 31) + 1,
      2 ** 40,
      0.5,
      1e300,
      Number.NaN,
      null,
      undefined,
    ]
    const more = [
      true,
      false,
      2n ** 60n,
      '',
      'é😀',
      [],
      [[], [1, 'a']],
      {},
      { a: { b: [undefined] } },
      new Uint8Array(3),
    ]
    for (const value of [...values, ...more]) {
      const encoder = createEncoder()
      writeAny(encoder, value as Record<string, never>)
      const bytes = toUint8Array(encoder)
      expect(isTaken(bytes, skipAny)).toBe(true)
      for (let length = 0; length < bytes.length; length++)
        expect(isTaken(bytes.subarray(0, length), skipAny)).toBe(false)
    }
  })

  test('what is taken of random bytes lib0 reads to the same end', () => {
    let taken = 0
    const part = forSeeds(1, 100, (_seed, chance) => {
      for (let i = 0; i < 200; i++) {
        const bytes = Uint8Array.from({ length: 1 + chance.below(12) }, () =>
          chance.below(2) === 0 ? 116 + chance.below(12) : chance.below(chance.one([4, 256])),
        )
        if (!isTaken(bytes, skipAny)) continue
        taken++
        const decoder = createDecoder(bytes)
        readAny(decoder)
        expect(decoder.pos).toBe(bytes.length)
      }
    })
    expect(taken).toBeGreaterThan(500 * part)
  })

  test('UTF-8 is taken exactly where a strict decoder takes it, and measured as it does', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const interesting = [
      0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4,
      0xf5, 0xff, 0xbb,
    ]
    forSeeds(1, 100, (_seed, chance) => {
      for (let i = 0; i < 500; i++) {
        const bytes = Uint8Array.from({ length: 1 + chance.below(5) }, () => chance.one(interesting))
        let expected: number | undefined
        try {
          expected = decoder.decode(bytes).length
        } catch {
          expected = undefined
        }
        let measured: number | undefined
        try {
          measured = utf16Length(bytes, 0, bytes.length)
        } catch (error) {
          if (!(error instanceof RejoinError)) throw error
        }
        expect([[...bytes], measured]).toEqual([[...bytes], expected])
      }
    })
  })
})
