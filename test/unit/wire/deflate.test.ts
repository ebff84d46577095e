import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deflate } from '../../../shared/deflate.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { siphash } from '../../../shared/hash.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { inflate } from '../../../shared/inflate.ts'
import { FRAME_BYTES_MAX, UPDATE_BYTES_MAX } from '../../../shared/limits.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import { inflatePiece } from '../../../shared/update/inflate-piece.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { seeded } from '../../support/random.ts'
import { threadTimeOf } from '../../support/thread-time.ts'

const awareness = (bytes: Uint8Array): Message => ({
  type: 'awareness',
  document: 'note',
  epoch: FIRST_EPOCH,
  gc: true,
  bytes,
})

/** A frame of one message 15 that claims `size` bytes. */
function deflatedFrame(size: number, deflated: Uint8Array): Uint8Array {
  const varint: number[] = []
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    varint.push(rest < 128 ? rest : (rest % 128) | 0x80)
    if (rest < 128) break
  }
  const frame = Uint8Array.from([0, 0, 0, 0, 15, ...varint, ...deflated])
  new DataView(frame.buffer).setUint32(0, siphash(frame.subarray(4)), true)
  return frame
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return error instanceof RejoinError ? error.code : `not a RejoinError: ${String(error)}`
  }
  return 'none'
}

/** Bits in the order of the stream: lowest first, but codes highest first. */
const low = (value: number, bits: number): string => [...value.toString(2).padStart(bits, '0')].reverse().join('')

/** A dynamic block that ends at once. Lengths of codes: 15 and 18 (zeros) take one bit each, 0 and 15. */
const EMPTY_BLOCK = [
  low(0, 1) + low(2, 2) + low(0, 5) + low(0, 5) + low(15, 4),
  // in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 15: of 18 and 15 a code of one bit
  ...Array.from({ length: 19 }, (_, i) => low(i === 2 || i === 18 ? 1 : 0, 3)),
  // 256 zeros, then the end of the block (15 bits); one distance of 15 bits
  `1${low(127, 7)}1${low(107, 7)}0`,
  '0',
  // the code of the end
  '0'.repeat(15),
].join('')

const toBytes = (bits: string): Uint8Array =>
  Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
    Number.parseInt([...bits.slice(8 * i, 8 * i + 8).padEnd(8, '0')].reverse().join(''), 2),
  )

describe('deflated bytes', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), fc.nat(100), (bytes, repeat) => {
        const long = new Uint8Array(bytes.length * repeat).map((_, i) => bytes[i % bytes.length] ?? 0)
        expect(inflate(deflate(long), long.length)).toEqual(long)
      }),
      { numRuns: 50 },
    )
  })

  it('are those of everybody else', () => {
    const bytes = new TextEncoder().encode('the quick brown fox '.repeat(5_000))
    expect(inflate(new Uint8Array(deflateRawSync(bytes)), bytes.length)).toEqual(bytes)
  })

  it('[P9] are read as zlib reads them, whatever it made of them; changed ones are refused or other bytes', () => {
    const levels = [0, 1, 6, 9].map((level) => ({ level }))
    const ways = [...levels, { strategy: constants.Z_FIXED }, { strategy: constants.Z_HUFFMAN_ONLY }]
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed)
      const length = random(seed % 4 === 0 ? 100_000 : 400)
      const letters = 1 + random(255)
      const bytes = new Uint8Array(length).map(() => (random(4) === 0 ? 7 : random(letters)))
      for (const way of ways) {
        const deflated = new Uint8Array(deflateRawSync(bytes, way))
        expect(Buffer.compare(inflate(deflated, length), bytes), `seed ${seed}`).toBe(0)
        expect(codeOf(() => inflate(deflated.subarray(0, random(deflated.length)), length))).toBe('bad-frame')
        const at = random(deflated.length)
        deflated[at] = (deflated[at] ?? 0) ^ (1 << random(8))
        expect(['none', 'bad-frame'], `seed ${seed}`).toContain(codeOf(() => inflate(deflated, length)))
      }
    }
  })

  it('[P7] of many blocks with nothing in them take little time', () => {
    // Codes of up to 15 bits, and only the end of the block: 12 bytes that take two tables of 32,768 entries.
    const bytes = toBytes(EMPTY_BLOCK.repeat(40_000))
    const { result: code, ms } = threadTimeOf(() => codeOf(() => inflate(bytes, FRAME_BYTES_MAX)))
    expect(code).toBe('bad-frame')
    expect(ms).toBeLessThan(500)
  })

  it('[P9] that are cut, changed or of another size are refused', () => {
    const bytes = new TextEncoder().encode('the quick brown fox '.repeat(200))
    const deflated = deflate(bytes)
    expect(codeOf(() => inflate(deflated, bytes.length - 1))).toBe('bad-frame')
    expect(codeOf(() => inflate(deflated, bytes.length + 1))).toBe('bad-frame')
    for (let length = 0; length < deflated.length; length++) {
      expect(codeOf(() => inflate(deflated.subarray(0, length), bytes.length))).toBe('bad-frame')
    }
    expect(codeOf(() => inflate(Uint8Array.of(0xff, 0xff, 0xff), 3))).toBe('bad-frame')
    expect(codeOf(() => inflatePiece({ size: bytes.length + 1, bytes: deflated }))).toBe('invalid-update')
    expect(codeOf(() => inflatePiece({ size: UPDATE_BYTES_MAX + 1, bytes: deflated }))).toBe('too-big')
    expect(inflatePiece(deflatePiece(bytes))).toEqual(bytes)
  })

  it('[P7][P9] that become far more than they say take no memory and little time', () => {
    // 256 MiB of zeros in 256 KiB.
    const bomb = new Uint8Array(deflateRawSync(Buffer.alloc(256 * 1024 * 1024)))
    const before = process.memoryUsage().arrayBuffers
    expect(codeOf(() => inflate(bomb, 1000))).toBe('bad-frame')
    expect(codeOf(() => decodeFrame(deflatedFrame(FRAME_BYTES_MAX, bomb)))).toBe('bad-frame')
    expect(codeOf(() => decodeFrame(deflatedFrame(FRAME_BYTES_MAX + 1, bomb)))).toBe('bad-frame')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
  })
})

describe('a frame', () => {
  it('is deflated where that pays, and only there', () => {
    const encoded = encodeMessage(awareness(new Uint8Array(10_000).fill(7)))
    const frame = encodeFrame([encoded, encoded])
    expect(frame.length).toBeLessThan(200)
    expect(decodeFrame(frame)).toHaveLength(2)
    const chance = encodeMessage(awareness(crypto.getRandomValues(new Uint8Array(10_000))))
    expect(encodeFrame([chance]).length).toBe(chance.length + 4)
    const small = encodeMessage(awareness(new Uint8Array(50)))
    expect(encodeFrame([small]).length).toBe(small.length + 4)
  })

  it('[P9] does not hold deflated messages in deflated messages', () => {
    const inner = encodeFrame([encodeMessage(awareness(new Uint8Array(10_000)))]).subarray(4)
    expect(codeOf(() => decodeFrame(deflatedFrame(inner.length, deflate(inner))))).toBe('bad-frame')
    expect(codeOf(() => decodeFrame(deflatedFrame(0, deflate(new Uint8Array(0)))))).toBe('bad-frame')
  })
})

it('[P11] stores what would get no shorter, for 5 bytes more; zlib reads it too', () => {
  for (let length = 0; length <= 160; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * at * 31 + at * 7) % 251)
    const deflated = deflate(bytes)
    expect(deflated.length).toBeLessThanOrEqual(length + 5)
    expect(new Uint8Array(inflateRawSync(deflated))).toEqual(bytes)
    expect(inflate(deflated, length)).toEqual(bytes)
  }
})
