/**
 * Attacks of a writer who knows the code and can make documents, but does not know the key. Each is shown to work where the
 * key or salt is known, or the sum is an XOR (built here only), and then to fail against ours.
 */
import { describe, expect, it } from 'vitest'
import { addToBloom, type BloomFilter, bloomHas, bloomHides, createBloom } from '../../../shared/digest/bloom.ts'
import { decodeCells, subtractCells } from '../../../shared/digest/cells.ts'
import type { DigestElement } from '../../../shared/digest/element.ts'
import * as elements from '../../../shared/digest/element.ts'
import { encodeDigestMessage } from '../../../shared/digest/messages.ts'
import { createInitiator, createResponder } from '../../../shared/digest/reconcile.ts'
import { createTable } from '../../../shared/digest/table.ts'
import { CHECKSUM_KEY, type HashKey } from '../../../shared/hash.ts'
import {
  createChance,
  createSets,
  createSides,
  fingerprintOf,
  runSession,
  type Sets,
  sorted,
  summaryOf,
} from './fixtures.ts'

/** A key that the attacker knows. */
const KNOWN: HashKey = CHECKSUM_KEY

function wordsOf({ id, fingerprint }: DigestElement, key: HashKey): Uint32Array {
  elements.hashElement(id, fingerprint, key)
  return elements.lastElement.slice()
}

describe('[P5] a poisoned Bloom filter', () => {
  const chance = createChance(101)
  const { relay } = createSets(chance, 2000, 0)

  function filterOf(set: DigestElement[], key: HashKey, salt: HashKey): BloomFilter {
    const filter = createBloom(set.length, 10, salt)
    for (const element of set) addToBloom(filter, wordsOf(element, key), 0)
    return filter
  }

  /** Documents that the relay lacks, made so that its filter under the known key and salt hides them. */
  function mine(count: number) {
    const filter = filterOf(relay, KNOWN, KNOWN)
    const made: DigestElement[] = []
    let tries = 0
    while (made.length < count) {
      const element = { id: `poison/${tries++}`, fingerprint: fingerprintOf(chance) }
      if (bloomHas(filter, wordsOf(element, KNOWN), 0)) made.push(element)
    }
    return { made, tries }
  }

  const { made, tries } = mine(20)
  const hiddenBy = (key: HashKey, salt: HashKey) => {
    const filter = filterOf(relay, key, salt)
    return made.filter((element) => bloomHas(filter, wordsOf(element, key), 0))
  }

  it('without salt takes a few hundred tries a document, and hides it in every session', () => {
    expect(tries / made.length).toBeLessThan(500)
    for (let session = 0; session < 5; session++) expect(hiddenBy(KNOWN, KNOWN).length).toBe(made.length)
  })

  it('with the salt of a session hides it by chance alone, and not again', () => {
    const salts = [chance.key(), chance.key(), chance.key()]
    const always = made.filter((element) => salts.every((salt) => hiddenBy(KNOWN, salt).includes(element)))
    expect(hiddenBy(KNOWN, chance.key()).length).toBeLessThanOrEqual(3)
    expect(always).toEqual([])
  })

  it('hides nothing from a session: neither with a secret key, nor with all keys and salts known', () => {
    const differing = 1200
    const knownSalt = () => Uint8Array.from(KNOWN.flatMap((word) => [word, word >>> 8, word >>> 16, word >>> 24]))
    for (const key of [chance.key(), KNOWN]) {
      const sets = createSets(chance, 2000, differing)
      // The poison is made for exactly these sets where the key is known.
      const filter = filterOf(sets.client, KNOWN, KNOWN)
      for (let i = 0, made = 0; made < 10; i++) {
        const element = { id: `poison/${i}`, fingerprint: fingerprintOf(chance) }
        if (!bloomHas(filter, wordsOf(element, KNOWN), 0)) continue
        sets.relay.push(element)
        sets.differing.add(element.id)
        made++
      }
      const randomBytes = key === KNOWN ? knownSalt : chance.bytes
      const outcome = runSession({
        responder: createResponder({ summary: summaryOf(sets.relay, key), elements: () => sets.relay, randomBytes }),
        initiator: createInitiator({ elements: () => sets.client, randomBytes }),
      })
      expect(outcome.types).toContain('bloom')
      expectAllFound(outcome, sets)
    }
    expect(bloomHides(filterOf(relay, KNOWN, KNOWN))).toBeLessThan(0.02)
  })
})

describe('[P5] salts and keys', () => {
  it('of filters and lists are drawn anew for each, and are not the key of the summary', () => {
    const chance = createChance(104)
    const key = chance.key()
    const seen: string[] = [String(key)]
    for (const d of [900, 900, 60, 60]) {
      const sets = createSets(chance, d === 900 ? 1500 : 60, d)
      runSession(createSides(sets, chance, key), (bytes, message) => {
        if (message.type === 'hello') expect(message.key).toEqual(key)
        if (message.type === 'bloom') seen.push(String(message.filter.salt))
        if (message.type === 'list') seen.push(String(message.key))
        // Roots that do not agree bring on the list.
        return message.type === 'found' ? [encodeDigestMessage({ ...message, root: new Uint32Array(4) })] : [bytes]
      })
    }
    expect(seen.length).toBeGreaterThanOrEqual(9)
    expect(new Set(seen).size).toBe(seen.length)
  })
})

describe('[P5] documents that cancel each other', () => {
  const chance = createChance(102)
  const versions = Array.from({ length: 140 }, (_, i) => ({
    before: { id: `d${i}`, fingerprint: fingerprintOf(chance) },
    after: { id: `d${i}`, fingerprint: fingerprintOf(chance) },
  }))

  /** What one element adds to the root. */
  function rootValue(element: DigestElement, key: HashKey): bigint {
    const root = elements.emptyRoot()
    elements.addToRoot(root, wordsOf(element, key), 0, key, 1)
    return [...root].reduceRight((value, word) => (value << 32n) | BigInt(word), 0n)
  }

  /** Which documents to change so that an XOR of values stays the same: Gaussian elimination over 128 bits. */
  function cancelling(): Set<number> {
    const basis = new Map<number, { value: bigint; of: bigint }>()
    for (const [i, { before, after }] of versions.entries()) {
      let value = rootValue(before, KNOWN) ^ rootValue(after, KNOWN)
      let of = 1n << BigInt(i)
      while (value !== 0n) {
        const top = value.toString(2).length
        const row = basis.get(top)
        if (row === undefined) {
          basis.set(top, { value, of })
          break
        }
        value ^= row.value
        of ^= row.of
      }
      if (value === 0n) return new Set(versions.keys().filter((j) => (of >> BigInt(j)) & 1n))
    }
    throw new Error('140 vectors of 128 bits are independent')
  }

  const changed = cancelling()
  const before = versions.map((version) => version.before)
  const after = versions.map((version, i) => (changed.has(i) ? version.after : version.before))
  const xorRoot = (set: DigestElement[], key: HashKey) =>
    set.reduce((sum, element) => sum ^ rootValue(element, key), 0n)

  it('are hidden for ever by an XOR under a known key, and shown under a secret one', () => {
    expect(changed.size).toBeGreaterThan(10)
    expect(xorRoot(after, KNOWN)).toBe(xorRoot(before, KNOWN))
    expect(xorRoot(after, chance.key())).not.toBe(xorRoot(before, chance.key()))
  })

  it('do not cancel in a sum, not even under the key that they were made for', () => {
    const secret = chance.key()
    expect(rootOf(after, KNOWN)).not.toEqual(rootOf(before, KNOWN))
    expect(rootOf(after, secret)).not.toEqual(rootOf(before, secret))
    const sets = { client: before, relay: after, differing: new Set([...changed].map((i) => `d${i}`)) }
    for (const key of [secret, KNOWN]) expectAllFound(runSession(createSides(sets, chance, key)), sets)
  })
})

describe('[P5] a version with the tag of another', () => {
  const chance = createChance(103)
  const { relay } = createSets(chance, 300, 0)
  const victim = relay[7] ?? { id: '', fingerprint: '' }

  /** 20 bits of version in a tag: a million tries for whoever knows the key. */
  function twin(): DigestElement {
    const wanted = elements.tagAt(wordsOf(victim, KNOWN), 0)
    elements.hashId(victim.id, KNOWN)
    for (let i = 0; ; i++) {
      const fingerprint = i.toString(16).padStart(16, '0')
      elements.hashVersion(fingerprint, KNOWN)
      if (elements.tagAt(elements.lastElement, 0) === wanted) return { id: victim.id, fingerprint }
    }
  }

  const made = twin()
  const client = relay.map((element) => (element === victim ? made : element))
  const cellsApart = (key: HashKey) =>
    decodeCells(subtractCells(summaryOf(client, key).cells, summaryOf(relay, key).cells))

  it('is hidden by cells alone under a known key, and shown under a secret one', () => {
    expect(made.fingerprint).not.toBe(victim.fingerprint)
    expect(cellsApart(KNOWN)).toEqual([])
    expect(cellsApart(chance.key())?.length).toBe(2)
  })

  it('is found by a session all the same: the root disagrees, and the list has a key of its own', () => {
    const sets: Sets = { client, relay, differing: new Set([victim.id]) }
    const known = runSession(createSides(sets, chance, KNOWN))
    expect(known.types).toContain('list')
    expectAllFound(known, sets)
    const secret = runSession(createSides(sets, chance))
    expect(secret.types).toEqual(['hello', 'found', 'agreed'])
    expectAllFound(secret, sets)
  })
})

function rootOf(set: DigestElement[], key: HashKey): elements.Root {
  const root = elements.emptyRoot()
  const { words } = createTable(() => set, key)
  for (let at = 0; at < words.length; at += elements.ELEMENT_WORDS) elements.addToRoot(root, words, at, key, 1)
  return root
}

function expectAllFound(outcome: ReturnType<typeof runSession>, sets: Sets): void {
  expect(outcome.error).toBeUndefined()
  expect(sorted(outcome.client?.differing)).toEqual(sorted(sets.differing))
  expect(sorted(outcome.relay?.differing)).toEqual(sorted(sets.differing))
}
