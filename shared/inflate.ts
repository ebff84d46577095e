/**
 * Inflating raw deflate (RFC 1951) into a known number of bytes: never more is written or allocated, whatever the input claims
 * (P7). Codes are looked up in tables as long as the longest of them.
 */
import { RejoinError } from './errors.ts'

/** Inflates to exactly `size` bytes. Raises `bad-frame` for anything else. */
export function inflate(bytes: Uint8Array, size: number): Uint8Array {
  try {
    return inflateExactly(bytes, size)
  } catch (error) {
    throw new RejoinError('bad-frame', `deflated bytes: ${error instanceof Error ? error.message : 'no stream'}`)
  }
}

/** Raises an `Error` for bytes that are not the whole of one deflate stream of exactly `size` bytes. */
function inflateExactly(bytes: Uint8Array, size: number): Uint8Array {
  const stream: Stream = { bytes, at: 0, hold: 0, bits: 0, out: new Uint8Array(size), written: 0 }
  let blocksLeft = BLOCKS_MIN + size / BLOCK_BYTES_MIN
  for (let isLast = false; !isLast; blocksLeft--) {
    if (blocksLeft < 0) throw new Error('too many blocks')
    isLast = take(stream, 1) === 1
    const type = take(stream, 2)
    if (type === 0) copyStored(stream)
    else if (type === 1) inflateBlock(stream, FIXED_LITERALS, FIXED_DISTANCES)
    else if (type === 2) inflateDynamic(stream)
    else throw new Error('a block has no type')
    if (usedBytes(stream) > bytes.length) throw new Error('they end in a block')
  }
  if (usedBytes(stream) !== bytes.length) throw new Error('bytes follow their end')
  if (stream.written !== size) throw new Error(`they inflate to ${stream.written} bytes, not ${size}`)
  return stream.out
}

interface Stream {
  readonly bytes: Uint8Array
  at: number
  /** Bits that are read and not used, the first one lowest. */
  hold: number
  bits: number
  readonly out: Uint8Array
  written: number
}

/** Symbols by the bits that begin with their code: `symbol << 4 | length of the code`; 0 where there is none. */
interface Codes {
  readonly table: Uint16Array
  readonly mask: number
}

/** Tables take tens of microseconds a block, so empty blocks could cost seconds. Who deflates makes blocks of 7,000 bytes and more. */
const BLOCKS_MIN = 16
const BLOCK_BYTES_MIN = 4096

const CODE_BITS_MAX = 15
/** With what follows the code of a length. */
const LENGTH_CODE_BITS_MAX = 20
/** Bits of an entry that tell the length of a code. */
const LENGTH_BITS = 4
const LITERALS = 256
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const LENGTH_BASE = basesOf(3, LENGTH_EXTRA.slice(0, -1)).concat(258)
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1))
const DISTANCE_BASE = basesOf(1, DISTANCE_EXTRA)
/** The order in which the lengths of the code of lengths are written. */
const LENGTHS_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

function basesOf(first: number, extra: readonly number[]): number[] {
  let base = first
  return extra.map((bits) => {
    const of = base
    base += 2 ** bits
    return of
  })
}

const FIXED_LITERALS = toCodes(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)))
const FIXED_DISTANCES = toCodes(Array.from({ length: 30 }, () => 5))

/** Whole bytes that were used. */
const usedBytes = ({ at, bits }: Stream): number => at - (bits >> 3)

/** Behind the end zeros follow: what they make is bounded by `out`, and they are seen at the end of the block. */
function refill(stream: Stream, bits: number): void {
  while (stream.bits < bits) {
    stream.hold |= (stream.bytes[stream.at++] ?? 0) << stream.bits
    stream.bits += 8
  }
}

function take(stream: Stream, bits: number): number {
  refill(stream, bits)
  const value = stream.hold & ((1 << bits) - 1)
  stream.hold >>>= bits
  stream.bits -= bits
  return value
}

function takeSymbol(stream: Stream, { table, mask }: Codes): number {
  refill(stream, CODE_BITS_MAX)
  const entry = table[stream.hold & mask] as number
  if (entry === 0) throw new Error('bits are no code')
  const length = entry & CODE_BITS_MAX
  stream.hold >>>= length
  stream.bits -= length
  return entry >> LENGTH_BITS
}

function copyStored(stream: Stream): void {
  const { bytes, out, written } = stream
  const from = usedBytes(stream)
  const head = new DataView(bytes.buffer, bytes.byteOffset)
  if (from + 4 > bytes.length) throw new Error('they end in a block')
  const length = head.getUint16(from, true)
  if ((length ^ head.getUint16(from + 2, true)) !== 0xffff) throw new Error('the length of a block is wrong')
  if (from + 4 + length > bytes.length) throw new Error('they end in a block')
  if (written + length > out.length) overflow(out.length)
  out.set(bytes.subarray(from + 4, from + 4 + length), written)
  stream.written += length
  stream.at = from + 4 + length
  stream.hold = 0
  stream.bits = 0
}

function inflateDynamic(stream: Stream): void {
  const literals = 257 + take(stream, 5)
  const distances = 1 + take(stream, 5)
  const count = 4 + take(stream, 4)
  const lengthLengths = new Array<number>(LENGTHS_ORDER.length).fill(0)
  for (const symbol of LENGTHS_ORDER.slice(0, count)) lengthLengths[symbol] = take(stream, 3)
  const lengths = takeLengths(stream, toCodes(lengthLengths), literals + distances)
  inflateBlock(stream, toCodes(lengths.slice(0, literals)), toCodes(lengths.slice(literals)))
}

function takeLengths(stream: Stream, codes: Codes, count: number): number[] {
  const lengths: number[] = []
  while (lengths.length < count) {
    const symbol = takeSymbol(stream, codes)
    if (symbol < 16) {
      lengths.push(symbol)
      continue
    }
    const before = symbol === 16 ? lengths.at(-1) : 0
    if (before === undefined) throw new Error('nothing is there to be repeated')
    const times = symbol === 16 ? 3 + take(stream, 2) : symbol === 17 ? 3 + take(stream, 3) : 11 + take(stream, 7)
    for (let left = times; left > 0; left--) lengths.push(before)
  }
  if (lengths.length > count) throw new Error('too many lengths of codes')
  return lengths
}

/** The hot loop: what changes is kept in variables. */
function inflateBlock(stream: Stream, literals: Codes, distances: Codes): void {
  const { out, bytes } = stream
  let { written, hold, bits, at } = stream
  for (;;) {
    for (; bits < LENGTH_CODE_BITS_MAX; bits += 8) hold |= (bytes[at++] as number) << bits
    const entry = literals.table[hold & literals.mask] as number
    hold >>>= entry & CODE_BITS_MAX
    bits -= entry & CODE_BITS_MAX
    const symbol = entry >> LENGTH_BITS
    if (symbol < LITERALS) {
      if (entry === 0) throw new Error('bits are no code')
      if (written === out.length) overflow(out.length)
      out[written++] = symbol
      continue
    }
    if (symbol === LITERALS) break
    const lengthExtra = LENGTH_EXTRA[symbol - LITERALS - 1]
    if (lengthExtra === undefined) throw new Error('a length has no code')
    const length = (LENGTH_BASE[symbol - LITERALS - 1] as number) + (hold & ((1 << lengthExtra) - 1))
    hold >>>= lengthExtra
    bits -= lengthExtra
    for (; bits < CODE_BITS_MAX; bits += 8) hold |= (bytes[at++] as number) << bits
    const far = distances.table[hold & distances.mask] as number
    if (far === 0) throw new Error('bits are no code')
    hold >>>= far & CODE_BITS_MAX
    bits -= far & CODE_BITS_MAX
    for (; bits < CODE_BITS_MAX; bits += 8) hold |= (bytes[at++] as number) << bits
    const extra = DISTANCE_EXTRA[far >> LENGTH_BITS]
    if (extra === undefined) throw new Error('a distance has no code')
    const distance = (DISTANCE_BASE[far >> LENGTH_BITS] as number) + (hold & ((1 << extra) - 1))
    hold >>>= extra
    bits -= extra
    if (distance > written) throw new Error('a distance reaches beyond the start')
    if (written + length > out.length) overflow(out.length)
    for (const end = written + length; written < end; written++) out[written] = out[written - distance] as number
  }
  Object.assign(stream, { written, hold, bits, at })
}

function overflow(size: number): never {
  throw new Error(`they inflate to more than ${size} bytes`)
}

/** Codes of these lengths, in the order that the lengths alone decide. Raises where there are more than fit. */
function toCodes(lengths: readonly number[]): Codes {
  const counts = new Uint16Array(CODE_BITS_MAX + 1)
  let longest = 1
  for (const length of lengths) {
    if (length === 0) continue
    counts[length] = (counts[length] as number) + 1
    if (length > longest) longest = length
  }
  const next = firstCodes(counts)
  const table = new Uint16Array(1 << longest)
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number
    if (length === 0) continue
    const code = next[length] as number
    next[length] = code + 1
    const entry = (symbol << LENGTH_BITS) | length
    for (let at = reversed(code, length); at < table.length; at += 1 << length) table[at] = entry
  }
  return { table, mask: table.length - 1 }
}

/** The first code of each length. */
function firstCodes(counts: Uint16Array): number[] {
  const first = [0]
  let code = 0
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    first.push(code)
    code += counts[length] as number
    if (code > 1 << length) throw new Error('too many codes')
    code <<= 1
  }
  return first
}

/** Codes are written highest bit first, all else lowest bit first. */
function reversed(code: number, length: number): number {
  let value = 0
  for (let bit = 0; bit < length; bit++) value |= ((code >> bit) & 1) << (length - 1 - bit)
  return value
}
