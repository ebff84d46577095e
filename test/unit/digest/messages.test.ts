import { describe, expect, it } from 'vitest'
import * as bounds from '../../../shared/digest/bounds.ts'
import { createCells } from '../../../shared/digest/cells.ts'
import { type DigestMessage, decodeDigestMessage, encodeDigestMessage } from '../../../shared/digest/messages.ts'
import { RejoinError } from '../../../shared/errors.ts'
import type { HashKey } from '../../../shared/hash.ts'
import { createChance, createSets, createSides, runSession } from './fixtures.ts'

const KEY: HashKey = [1, 2, 3, 0xffffffff]

/** One message of every type, of a real session where there is one. */
function samples(): { message: DigestMessage; bytes: Uint8Array }[] {
  const seen = new Map<string, { message: DigestMessage; bytes: Uint8Array }>()
  for (const [n, d] of [
    [50, 0],
    [300, 3],
    [4000, 60],
    [300, 150],
  ] as const) {
    for (let seed = 0; seed < 3; seed++) {
      const chance = createChance(seed)
      runSession(createSides(createSets(chance, n, d), chance), (bytes, message) => {
        seen.set(message.type, { message, bytes })
        // A difference that cannot be decoded brings on the list.
        return message.type === 'found' && seed === 2
          ? [encodeDigestMessage({ ...message, root: new Uint32Array(4) })]
          : [bytes]
      })
    }
  }
  return [...seen.values()]
}

describe('digest messages', () => {
  const all = samples()

  it('come back as they were sent', () => {
    expect(all.map(({ message }) => message.type).sort()).toEqual(
      ['agreed', 'bloom', 'cells', 'equal', 'found', 'hello', 'list', 'missing', 'more', 'names'].sort(),
    )
    for (const { message, bytes } of all) expect(decodeDigestMessage(bytes), message.type).toEqual(message)
  })

  it('have bytes that stay', () => {
    const hex = (message: DigestMessage) => Buffer.from(encodeDigestMessage(message)).toString('hex')
    const cells = { low: Uint32Array.of(1), high: Uint16Array.of(2), check: Uint32Array.of(0x030405) }
    const sketch = Int32Array.of(-1, 1)
    const root = Uint32Array.of(1, 0, 0, 0)
    const rootHex = '01000000000000000000000000000000'
    const keyHex = '010000000200000003000000ffffffff'
    const hello: DigestMessage = { type: 'hello', key: KEY, root, count: 300, sketch, cells }
    expect(hex(hello)).toBe(`00${keyHex}${rootHex}ac02020102010100000002000504${'03'}`)
    expect(hex({ type: 'equal' })).toBe('01')
    expect(hex({ type: 'more', from: 30, count: 22, sketch: new Int32Array(0) })).toBe('021e1600')
    expect(hex({ type: 'names', ids: ['a', 'é'] })).toBe('0302016102c3a9')
    expect(hex({ type: 'cells', named: 1, from: 64, cells })).toBe('040140010100000002000504')
    const filter = { salt: KEY, hashes: 3, bytes: Uint8Array.of(5) }
    expect(hex({ type: 'bloom', named: 0, filter })).toBe(`0500${keyHex}030105`)
    expect(hex({ type: 'found', named: 2, root, tags: [2 ** 47], sum: 1 })).toBe(
      `0602${rootHex}01000000000001000000000080`,
    )
    const list = { high: Uint32Array.of(1, 3), low: Uint32Array.of(2, 1) }
    expect(hex({ type: 'list', key: KEY, list })).toBe(`07${keyHex}0201020000000201000000`)
    expect(hex({ type: 'missing', named: 0, root, places: [0, 5] })).toBe(`0800${rootHex}020004`)
    expect(hex({ type: 'agreed', named: 3 })).toBe('0903')
  })

  it('[P9] cut, with bytes behind, or of no known type, are refused as bad-frame', () => {
    for (const { message, bytes } of all) {
      const cuts = bytes.length > 400 ? [1, 2, 20, 300, bytes.length - 1] : bytes.keys()
      for (const cut of cuts) expectRefused(bytes.subarray(0, cut), `${message.type} cut at ${cut}`)
      expectRefused(new Uint8Array([...bytes, 0]), message.type)
    }
    expectRefused(new Uint8Array([10]), 'type 10')
    expectRefused(new Uint8Array(0), 'nothing')
  })

  it('[P9] any bytes give a message or one coded error, quickly', () => {
    const chance = createChance(91)
    let refused = 0
    for (let i = 0; i < 6000; i++) {
      const { bytes } = all[i % all.length] ?? { bytes: new Uint8Array(1) }
      const broken = chance.below(2) === 0 ? chance.bytes(1 + chance.below(60)) : bytes.slice(0, 2000)
      broken[0] = chance.below(10)
      for (let flips = chance.below(4); flips >= 0; flips--) broken[chance.below(broken.length)] = chance.below(256)
      try {
        decodeDigestMessage(broken)
      } catch (error) {
        expect(error).toBeInstanceOf(RejoinError)
        if (error instanceof RejoinError) expect(['bad-frame', 'protocol']).toContain(error.code)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(3000)
  })

  it('[P7] every number has a bound', () => {
    const zero = '0'.repeat(32)
    const varint = (value: number): string => {
      const bytes: number[] = []
      for (let rest = value; ; rest = Math.floor(rest / 128)) {
        bytes.push(rest < 128 ? rest : (rest % 128) | 0x80)
        if (rest < 128) return Buffer.from(bytes).toString('hex')
      }
    }
    const tooMany = varint(bounds.ELEMENTS_MAX + 1)
    const refused = {
      'documents of a hello': `00${zero}${zero}${tooMany}0100${'00'}`,
      'a counter': `00${zero}${zero}0001${varint(2 * bounds.ELEMENTS_MAX + 1)}00`,
      'no counters in a hello': `00${zero}${zero}000000`,
      'three counters': `00${zero}${zero}000300000000`,
      'cells that are not there': `00${zero}${zero}000100${varint(bounds.CELLS_MAX)}`,
      'cells asked for': `02${varint(bounds.CELLS_MAX)}0100`,
      'a cell beyond the last': `0400${varint(bounds.CELLS_MAX)}01${'00'.repeat(8)}`,
      'cells that begin beyond': `0400${varint(bounds.CELLS_MAX + 1)}00`,
      'no name': '0300',
      'names that are not there': '03ff07',
      'a name with a control character': '03010107',
      'an empty name': '030100',
      'a name that is too long': `0301${varint(513)}${'61'.repeat(513)}`,
      'hashes of a filter': `0500${zero}110100`,
      'no hashes': `0500${zero}000100`,
      'no bits': `0500${zero}0100`,
      'tags that are not there': `0600${zero}000000000000ff01`,
      'entries of a list': `07${zero}${tooMany}`,
      'a list that is not sorted': `07${zero}020102000000000100000`.padEnd(60, '0').slice(0, 58),
      'equal entries of a list': `07${zero}0201020000000002000000`,
      'a place beyond': `0800${zero}01${tooMany}`,
      'names said to have come': `09${tooMany}`,
    }
    for (const [what, hex] of Object.entries(refused)) expectRefused(Buffer.from(hex, 'hex'), what)
  })

  it('[P7] refuses a Bloom filter that is more than 60 % full: it would hide everything', () => {
    const filter = (bytes: Uint8Array) =>
      decodeDigestMessage(encodeDigestMessage({ type: 'bloom', named: 0, filter: { salt: KEY, hashes: 1, bytes } }))
    expect(() => filter(new Uint8Array(100).fill(0xff))).toThrow(/protocol/)
    expect(() => filter(new Uint8Array(100).fill(0x1f))).toThrow(/protocol/)
    expect(filter(new Uint8Array(100).fill(0x0f)).type).toBe('bloom')
  })

  it('carry cells with 3 bytes of check below number 64 and 2 from there on', () => {
    const length = (from: number) =>
      encodeDigestMessage({ type: 'cells', named: 0, from, cells: createCells(10) }).length
    expect([length(0), length(54), length(60), length(64)]).toEqual([94, 94, 88, 84])
  })
})

function expectRefused(bytes: Uint8Array, what: string): void {
  expect(() => decodeDigestMessage(bytes), what).toThrow(/bad-frame/)
}
