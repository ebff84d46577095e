import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNextChain, nextChain } from '../../../shared/causality/chain.ts'
import { conflicts, fingerprint, lacking } from '../../../shared/causality/comparing.ts'
import { CHAIN_START, covers, type Head, headOf, type VersionVector } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { isSound } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'

/** The naive model: a replica is the set of all dots that it holds, each origin without gaps. */
type Dots = Map<string, string[]>

const ORIGINS = ['00000000000000aa', '00000000000000bb', '00000000000000cc']

const chainOf = (content: readonly string[]): string =>
  content.reduce((chain, each) => nextChain(chain, each.padStart(16, '0')), CHAIN_START)

const toVector = (dots: Dots): VersionVector => {
  const vector = new Map<string, Head>()
  for (const [origin, content] of dots) {
    if (content.length > 0) vector.set(origin, { seq: content.length, chain: chainOf(content) })
  }
  return vector
}

/** What each origin ever wrote, and how much of it two replicas hold. */
const world = fc
  .tuple(
    ...ORIGINS.map(() =>
      fc.array(
        fc.nat(255).map((n) => n.toString(16)),
        { maxLength: 6 },
      ),
    ),
  )
  .chain((written) =>
    fc.tuple(
      fc.constant(written),
      fc.tuple(...written.map((content) => fc.nat(content.length))),
      fc.tuple(...written.map((content) => fc.nat(content.length))),
    ),
  )

const held = (written: readonly string[][], counts: readonly number[]): Dots =>
  new Map(ORIGINS.map((origin, i) => [origin, (written[i] as string[]).slice(0, counts[i])]))

describe('version vectors against the set of dots', () => {
  it('[P3] what a vector lacks is the difference of the sets', () => {
    fc.assert(
      fc.property(world, ([written, mine, theirs]) => {
        const ranges = lacking(toVector(held(written, theirs)), toVector(held(written, mine)))
        const named = ranges.flatMap(({ origin, from, to }) =>
          Array.from({ length: to - from + 1 }, (_, i) => `${origin}/${from + i}`),
        )
        const expected = ORIGINS.flatMap((origin, i) => {
          const seqs = Array.from({ length: mine[i] as number }, (_, n) => n + 1)
          return seqs.filter((seq) => seq > (theirs[i] as number)).map((seq) => `${origin}/${seq}`)
        })
        expect(named.sort()).toEqual(expected.sort())
      }),
    )
  })

  it('[P4] covers is inclusion of the sets, and taking what is lacking always reaches it', () => {
    fc.assert(
      fc.property(world, ([written, mine, theirs]) => {
        const a = toVector(held(written, mine))
        const b = toVector(held(written, theirs))
        const included = ORIGINS.every((_, i) => (mine[i] as number) >= (theirs[i] as number))
        expect(covers(a, b)).toBe(included)
        const joined = new Map(a)
        for (const { origin } of lacking(a, b)) joined.set(origin, headOf(b, origin))
        expect(covers(joined, a) && covers(joined, b)).toBe(true)
      }),
    )
  })

  it('[P8] equal lengths with other contents are a conflict, equal contents are none', () => {
    fc.assert(
      fc.property(world, fc.nat(2), ([written, counts], which) => {
        const mine = held(written, counts)
        expect(conflicts(toVector(mine), toVector(mine))).toEqual([])
        const origin = ORIGINS[which] as string
        const content = mine.get(origin) as string[]
        fc.pre(content.length > 0)
        for (let changed = 0; changed < content.length; changed++) {
          const other = new Map(mine).set(origin, content.with(changed, `${content[changed]}f`))
          expect(conflicts(toVector(mine), toVector(other))).toEqual([origin])
        }
      }),
    )
  })

  it('fingerprints are equal for equal sets in any order, and differ for any other', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(world, ([written, counts]) => {
        const vector = toVector(held(written, counts))
        const name = JSON.stringify([...vector].sort())
        const print = fingerprint(vector)
        expect(fingerprint(new Map([...vector].reverse()))).toBe(print)
        expect(seen.get(print) ?? name).toBe(name)
        seen.set(print, name)
      }),
      { numRuns: 300 },
    )
    expect(fingerprint(new Map())).toBe('0'.repeat(16))
  })
})

describe('hashes that are compared without their text', () => {
  const where = { document: 'notes', epoch: FIRST_EPOCH, gc: true }
  const record = seal(
    where,
    { origin: '00000000000000aa', seq: 1, kind: 'yjs-v1', bytes: Uint8Array.of(1, 2, 3) },
    CHAIN_START,
  )

  it('[P8] a checksum is right, or any of its digits is not, as is text that only reads alike', () => {
    expect(isSound(where, record)).toBe(true)
    expect(isNextChain(CHAIN_START, record.checksum, record.chain)).toBe(true)
    for (const [given, is] of [
      [record.checksum, (checksum: string) => isSound(where, { ...record, checksum })],
      [record.chain, (chain: string) => isNextChain(CHAIN_START, record.checksum, chain)],
    ] as const) {
      for (let at = 0; at < given.length; at++) {
        const code = given.charCodeAt(at)
        // One digit more, the same without the bit of small letters, and what a lenient reader takes for a to f.
        for (const other of [code ^ 1, code & ~0x20, (code & 15) + 0x39]) {
          if (other === code) continue
          expect(is(given.slice(0, at) + String.fromCharCode(other) + given.slice(at + 1))).toBe(false)
        }
      }
      for (const other of ['', given.slice(1), given.slice(0, -1), `${given}0`, `0${given}`])
        expect(is(other)).toBe(false)
    }
  })
})
