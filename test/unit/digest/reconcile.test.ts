import { describe, expect, it } from 'vitest'
import { ROUND_TRIPS_MAX } from '../../../shared/digest/bounds.ts'
import { freezeScope } from '../../../shared/digest/frozen.ts'
import { decodeDigestMessage, encodeDigestMessage } from '../../../shared/digest/messages.ts'
import { createInitiator, createResponder } from '../../../shared/digest/reconcile.ts'
import { changeSummary } from '../../../shared/digest/summary.ts'
import { amount } from '../../support/amount.ts'
import * as fixtures from './fixtures.ts'
import { type Chance, createChance, createSets, createSides, runSession, sorted, summaryOf } from './fixtures.ts'

const SEEDS = amount(80, 400)

function expectFound(outcome: fixtures.Outcome, sets: fixtures.Sets, what: string): void {
  expect(outcome.error, what).toBeUndefined()
  expect(sorted(outcome.client?.differing), what).toEqual(sorted(sets.differing))
  expect(sorted(outcome.relay?.differing), what).toEqual(sorted(sets.differing))
  expect(outcome.client?.roundTrips, what).toBe(outcome.relay?.roundTrips)
  expect(outcome.client?.roundTrips, what).toBeLessThanOrEqual(ROUND_TRIPS_MAX + 1)
}

/** Runs `sessions` sessions; the median of their bytes and the most round trips. */
function measure(n: number, d: number, sessions: number) {
  const bytes: number[] = []
  let trips = 0
  for (let seed = 0; seed < sessions; seed++) {
    const chance = createChance(seed * 7919 + n + d)
    const sets = createSets(chance, n, d)
    const outcome = runSession(createSides(sets, chance))
    expectFound(outcome, sets, `n ${n}, d ${d}, seed ${seed}`)
    bytes.push(outcome.bytes)
    trips = Math.max(trips, outcome.client?.roundTrips ?? 0)
  }
  bytes.sort((a, b) => a - b)
  return { median: bytes[sessions >> 1] ?? 0, most: bytes.at(-1) ?? 0, trips }
}

describe('the bytes of a digest session', () => {
  it('[P11] nothing differs: at most 400 bytes and one round trip for any number', () => {
    for (const n of [0, 1, 10, 1000, 20_000]) {
      const { most, trips } = measure(n, 0, 3)
      expect(most).toBeLessThanOrEqual(345)
      expect(trips).toBe(1)
    }
  })

  it('[P11] 10 of 10,000: at most 600 bytes, 1 to 2 round trips', () => {
    const { median, most, trips } = measure(10_000, 10, 12)
    expect(median).toBeLessThanOrEqual(380)
    expect(most).toBeLessThanOrEqual(600)
    expect(trips).toBeLessThanOrEqual(2)
  })

  it('[P11] 1,000 of 10,000: at most 11 KB, 2 round trips', () => {
    const { most, trips } = measure(10_000, 1000, 3)
    expect(most).toBeLessThanOrEqual(11_000)
    expect(trips).toBe(2)
  })

  it('[P11] 5,000 of 10,000: at most 15.5 KB, less than 64-bit elements alone', () => {
    const { most, trips } = measure(10_000, 5000, 3)
    expect(most).toBeLessThanOrEqual(15_500)
    expect(trips).toBeLessThanOrEqual(3)
  })

  it('[P11] 1,000 of 100,000: at most 25 KB, 2 round trips', () => {
    const { most, trips } = measure(100_000, 1000, 1)
    expect(most).toBeLessThanOrEqual(25_000)
    expect(trips).toBe(2)
  })
})

describe('the names that differ', () => {
  it('[P3] are found by both sides, for random sets of every shape', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const chance = createChance(seed)
      const n = chance.below([4, 40, 400, 1500][seed % 4] ?? 0)
      const changed = chance.below(11) / 10
      const sets = createSets(chance, n, chance.below(n + 2), changed, ((1 - changed) * chance.below(11)) / 10)
      expectFound(runSession(createSides(sets, chance)), sets, `seed ${seed}, n ${n}`)
    }
  })

  it('are all where one side is empty, or both have nothing in common', () => {
    for (const n of [1, 30, 2500]) {
      const chance = createChance(n)
      const { relay } = createSets(chance, n, 0)
      const { client: others } = createSets(chance, n, 0)
      const ids = (elements: typeof relay) => elements.map(({ id }) => id)
      const expectAll = (client: typeof relay, there: typeof relay) => {
        const sets = { client, relay: there, differing: new Set([...ids(client), ...ids(there)]) }
        expectFound(runSession(createSides(sets, chance)), sets, `${client.length} and ${there.length}`)
      }
      expectAll([], relay)
      expectAll(relay, [])
      expectAll(relay, others)
    }
  })

  it('are told in messages that fit a frame', () => {
    const chance = createChance(51)
    const sets = createSets(chance, 5000, 5000)
    let largest = 0
    const outcome = runSession(createSides(sets, chance), (bytes, message) => {
      if (message.type === 'names') largest = Math.max(largest, bytes.length)
      return [bytes]
    })
    expectFound(outcome, sets, 'seed 51')
    expect(largest).toBeGreaterThan(1000)
    expect(largest).toBeLessThan(100_000)
  })
})

describe('a side that keeps its summary', () => {
  const chance = createChance(61)
  const key = chance.key()

  function keeping(sets: fixtures.Sets) {
    let walks = 0
    const walk = <T>(elements: T[]) => {
      walks++
      return elements
    }
    const [relay, client] = [summaryOf(sets.relay, key), summaryOf(sets.client, key)]
    const randomBytes = chance.bytes
    const sides = {
      responder: createResponder({ summary: relay, elements: () => walk(sets.relay), randomBytes }),
      initiator: createInitiator({ summaryFor: () => client, elements: () => walk(sets.client), randomBytes }),
    }
    return { sides, walks: () => walks }
  }

  it('[P11] goes through no elements when nothing differs', () => {
    const { sides, walks } = keeping(createSets(chance, 500, 0))
    const [hello] = sides.responder.start()
    if (hello === undefined) throw new Error('no hello')
    expect(sides.initiator.needsElements(hello)).toBe(false)
    const { send, result } = sides.initiator.receive(hello)
    expect(result?.differing.size).toBe(0)
    expect(sides.responder.receive(send[0] ?? hello).result?.differing.size).toBe(0)
    expect(walks()).toBe(0)
  })

  it('says beforehand when it will go through them', () => {
    const sets = createSets(chance, 2000, 100)
    const { sides, walks } = keeping(sets)
    const asked = (side: typeof sides.initiator): typeof side => ({
      ...side,
      receive(message) {
        const [needed, before] = [side.needsElements(message), walks()]
        const step = side.receive(message)
        if (!needed && message.type === 'hello') expect(walks()).toBe(before)
        return step
      },
    })
    expectFound(runSession({ initiator: asked(sides.initiator), responder: asked(sides.responder) }), sets, 'seed 61')
    expect(walks()).toBeGreaterThan(0)
  })

  it('[P10] is told that the summary is wrong, and the result is right all the same', () => {
    const sets = createSets(chance, 300, 5)
    const wrong = summaryOf(sets.relay, key)
    changeSummary(wrong, 'never told', undefined, '0123456789abcdef')
    const sides = {
      ...createSides(sets, chance),
      responder: createResponder({ summary: wrong, elements: () => sets.relay, randomBytes: chance.bytes }),
    }
    const outcome = runSession(sides)
    expectFound(outcome, sets, 'seed 61')
    expect(outcome.relay?.summaryWrong).toBe(true)
    expect(outcome.client?.summaryWrong).toBe(false)
  })
})

describe('edits that land during a session', () => {
  it('[P3] change nothing in its result: both scopes are frozen', () => {
    for (let seed = 0; seed < 20; seed++) {
      const chance = createChance(seed)
      const sets = createSets(chance, 600, [3, 60, 300][seed % 3] ?? 0)
      const key = chance.key()
      const client = liveScope(sets.client, key, chance)
      const relay = liveScope(sets.relay, key, chance)
      const randomBytes = chance.bytes
      const sides = {
        responder: createResponder({ ...relay.frozen, randomBytes }),
        initiator: createInitiator({
          summaryFor: () => client.frozen.summary,
          elements: client.frozen.elements,
          randomBytes,
        }),
      }
      const outcome = runSession(sides, (bytes) => {
        for (let i = 0; i < 20; i++) [client, relay][i & 1]?.edit()
        return [bytes]
      })
      expectFound(outcome, sets, `seed ${seed}`)
      expect(outcome.relay?.summaryWrong).toBe(false)
    }
  })

  function liveScope(elements: fixtures.Sets['client'], key: fixtures.HashKey, chance: Chance) {
    const scope = new Map(elements.map(({ id, fingerprint }) => [id, fingerprint]))
    const summary = summaryOf(elements, key)
    const frozen = freezeScope(summary, () => Array.from(scope, ([id, fingerprint]) => ({ id, fingerprint })))
    const edit = () => {
      const id = elements[chance.below(elements.length + 9)]?.id ?? `new ${chance.below(9)}`
      const after = fixtures.fingerprintOf(chance)
      frozen.changed(id, scope.get(id))
      changeSummary(summary, id, scope.get(id), after)
      scope.set(id, after)
    }
    return { frozen, edit }
  }
})

describe('a session that goes wrong', () => {
  it('[P7] never takes more than 4 round trips before it sends the list, and that one finds all', () => {
    for (const [n, d] of [
      [400, 8],
      [3000, 60],
      [1000, 500],
    ] as const) {
      for (let seed = 0; seed < 5; seed++) {
        const chance = createChance(seed)
        const sets = createSets(chance, n, d)
        const outcome = runSession(createSides(sets, chance), (bytes, message) => {
          if (message.type === 'hello' || message.type === 'cells') garble(message.cells.low, chance)
          return [encodeDigestMessage(message.type === 'names' ? decodeDigestMessage(bytes) : message)]
        })
        expectFound(outcome, sets, `n ${n}, seed ${seed}`)
        const list = outcome.types.indexOf('list')
        expect(list).toBeGreaterThan(0)
        expect(list).toBeLessThanOrEqual(2 * ROUND_TRIPS_MAX)
      }
    }
  })

  it('[P10] a wrong decode is caught by the root', () => {
    const chance = createChance(71)
    const sets = createSets(chance, 1000, 4)
    const outcome = runSession(createSides(sets, chance), (bytes, message) => {
      if (message.type !== 'found') return [bytes]
      // One tag more and one less: as if cells had decoded into something else.
      return [encodeDigestMessage({ ...message, tags: [123456, ...message.tags.slice(1)], sum: 99 })]
    })
    expect(outcome.types).toContain('list')
    expectFound(outcome, sets, 'seed 71')
  })

  it('[P10] names that a wrong decode has taught are forgotten', () => {
    const chance = createChance(73)
    const sets = createSets(chance, 1000, 4)
    let wrong = true
    const outcome = runSession(createSides(sets, chance), (bytes, message) => {
      if (message.type === 'names' && wrong)
        return [encodeDigestMessage({ ...message, ids: [...message.ids, 'ghost'] })]
      if (message.type !== 'found') return [bytes]
      wrong = false
      return [encodeDigestMessage({ ...message, named: message.named + 1, root: new Uint32Array(4) })]
    })
    expect(outcome.types).toEqual(['hello', 'found', 'list', 'missing', 'agreed'])
    expectFound(outcome, sets, 'seed 73')
  })

  it('mends a pair that chance has made of two documents', () => {
    const chance = createChance(72)
    const sets = createSets(chance, 1000, 10, 0.4, 0.3)
    const outcome = runSession(createSides(sets, chance), (bytes, message) =>
      message.type === 'found' ? [encodeDigestMessage({ ...message, tags: message.tags.slice(1) })] : [bytes],
    )
    expect(outcome.types).toEqual(['hello', 'found', 'agreed'])
    expectFound(outcome, sets, 'seed 72')
  })

  it('[P3] messages lost, doubled or swapped give an error, silence or the right names', () => {
    let ended = 0
    for (let seed = 0; seed < SEEDS; seed++) {
      const chance = createChance(seed)
      const sets = createSets(chance, 300, [2, 12, 40, 200][seed % 4] ?? 0)
      let held: Uint8Array | undefined
      const outcome = runSession(createSides(sets, chance), (bytes) => {
        const arrived = held === undefined ? [bytes] : [bytes, held]
        held = undefined
        const luck = chance.below(20)
        if (luck === 0) return []
        if (luck === 1) return [...arrived, bytes]
        if (luck === 2) held = bytes
        return luck === 2 ? arrived.slice(1) : arrived
      })
      expectNothingWrong(outcome, sets, `seed ${seed}`)
      if (outcome.error === undefined && outcome.relay !== undefined) ended++
    }
    expect(ended).toBeGreaterThan(SEEDS / 8)
  })

  it('[P3] a flipped bit outside of names gives an error, or names too many, but hides none', () => {
    let mended = 0
    for (let seed = 0; seed < SEEDS; seed++) {
      const chance = createChance(seed)
      const sets = createSets(chance, 300, [2, 12, 40, 200][seed % 4] ?? 0)
      let flips = 0
      const outcome = runSession(createSides(sets, chance), (bytes, message) => {
        if (message.type === 'names' || chance.below(3) > 0) return [bytes]
        const flipped = bytes.slice()
        const at = chance.below(bytes.length)
        flipped[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8))
        flips++
        return [flipped]
      })
      for (const side of [outcome.client, outcome.relay]) {
        const missing = [...sets.differing].filter((id) => side?.differing.has(id) === false)
        expect(missing, `seed ${seed}`).toEqual([])
      }
      expectCoded(outcome, `seed ${seed}`)
      if (flips > 0 && outcome.client !== undefined && outcome.relay !== undefined) mended++
    }
    expect(mended).toBeGreaterThan(SEEDS / 8)
  })

  it('[P9] after an error, and after its end, takes nothing more', () => {
    const sets = createSets(createChance(81), 50, 0)
    const { initiator, responder } = createSides(sets, createChance(82))
    const [hello] = responder.start()
    if (hello === undefined) throw new Error('no hello')
    expect(() => initiator.receive({ type: 'agreed', named: 0 })).toThrow(/protocol/)
    expect(() => initiator.receive(hello)).toThrow(/protocol/)
    expect(responder.receive({ type: 'equal' }).result).toBeDefined()
    expect(() => responder.receive({ type: 'equal' })).toThrow(/protocol/)
  })

  it('[P7] refuses to serve cells for ever', () => {
    const sets = createSets(createChance(83), 50, 10)
    const { responder } = createSides(sets, createChance(84))
    responder.start()
    const ask = (from: number) => responder.receive({ type: 'more', from, count: 1, sketch: new Int32Array(0) })
    const served = [30, 31, 32, 33, 34].map(ask)
    expect(served.length).toBe(ROUND_TRIPS_MAX + 1)
    expect(() => ask(35)).toThrow(/protocol/)
  })
})

/** A side that has a result has the right one. */
function expectNothingWrong(outcome: fixtures.Outcome, sets: fixtures.Sets, what: string): void {
  for (const side of [outcome.client, outcome.relay]) {
    if (side !== undefined) expect(sorted(side.differing), what).toEqual(sorted(sets.differing))
  }
  expectCoded(outcome, what)
}

function expectCoded(outcome: fixtures.Outcome, what: string): void {
  if (outcome.error !== undefined) expect(['protocol', 'bad-frame'], what).toContain(outcome.error.code)
}

function garble(words: Uint32Array, chance: Chance): void {
  for (let i = 0; i < words.length; i++) words[i] = chance.word()
}
