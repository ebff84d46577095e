/**
 * Bytes, round trips and time of digest sessions, beside the floor and beside other ways of the same sets.
 * Run: node bench/digest.ts [most documents, default 1000000]. Bytes do not depend on the machine, times do: those of both
 * sides together, of a client that has no summary under the relay's key and so begins with a table.
 *
 * "which" is log2 C(n, d) in bytes: naming the documents when all else is known. "elements" is log2 C(2^64, D): learning
 * the other side's 64-bit elements. With filters each side finds its own documents, so they may go below the second.
 * "list" is 8 bytes for each document one way. "Bloom" is a filter of 10 bits an entry each way: it hides 1 in 120 each
 * time. "ranges" counts the bytes of range-based reconciliation with negentropy's parameters: 16 ways, 16-byte
 * fingerprints, lists below 32 elements, here of 8-byte elements. Names of differing documents are in no figure.
 */

import { type DigestElement, ELEMENT_WORDS } from '../shared/digest/element.ts'
import { changeSummary, type DigestSummary, encodeSummary } from '../shared/digest/summary.ts'
import { createTable } from '../shared/digest/table.ts'
import {
  createChance,
  createSets,
  createSides,
  runSession,
  type Sets,
  summaryOf,
} from '../test/unit/digest/fixtures.ts'

/** Documents, how many differ, the most bytes and round trips that we allow ourselves. */
const ROWS: [number, number, number, number][] = [
  [1_000, 0, 400, 1],
  [100_000, 0, 400, 1],
  [1_000_000, 0, 400, 1],
  [1_000, 10, 600, 2],
  [10_000, 10, 600, 2],
  [10_000, 1_000, 15_100, 3],
  [100_000, 1_000, 36_000, 2],
  [1_000_000, 10, 640, 2],
  [1_000_000, 1_000, 37_400, 2],
  [100_000, 50_000, 256_000, 3],
  [1_000_000, 500_000, 2_700_000, 3],
]

function main(documentsMax: number): void {
  const header = [
    'n',
    'differ',
    'bytes',
    'goal',
    'round trips',
    'goal',
    'which',
    'elements',
    'list',
    'Bloom',
    'ranges',
    'session ms',
  ]
  print(header)
  for (const [n, d, bytesGoal, tripsGoal] of ROWS) {
    if (n > documentsMax) continue
    const sessions = n >= 1_000_000 ? 1 : n >= 100_000 ? 3 : 11
    const runs = Array.from({ length: sessions }, (_, seed) => measure(n, d, seed))
    const bytes = median(runs.map((run) => run.bytes))
    const trips = Math.max(...runs.map((run) => run.trips))
    const [{ sets } = { sets: createSets(createChance(0), 0, 0) }] = runs
    const apart = Math.round(d * 1.6)
    print([
      n,
      d,
      bytes,
      bytesGoal,
      trips,
      tripsGoal,
      Math.round(Math.max(0, log2Factorial(n) - log2Factorial(d) - log2Factorial(n - d)) / 8),
      Math.round((64 * apart - log2Factorial(apart)) / 8),
      8 * n,
      2.5 * n,
      rangeBytes(sets),
      Math.round(median(runs.map((run) => run.ms))),
    ])
  }
  upkeep(Math.min(documentsMax, 1_000_000))
}

function measure(n: number, d: number, seed: number) {
  const chance = createChance(seed * 7919 + n + d)
  const sets = createSets(chance, n, d)
  const sides = createSides(sets, chance)
  const begin = performance.now()
  const { client, relay, bytes } = runSession(sides)
  const ms = performance.now() - begin
  for (const result of [client, relay]) {
    if (result?.differing.size !== d) throw new Error(`seed ${seed}: ${result?.differing.size} of ${d} found`)
  }
  return { bytes, trips: client?.roundTrips ?? 0, ms, sets }
}

function upkeep(n: number): void {
  const chance = createChance(1)
  const key = chance.key()
  const { relay } = createSets(chance, n, 0)
  const begin = performance.now()
  const table = createTable(() => relay, key)
  console.log(
    `\ntable of ${table.count} documents: ${Math.round(performance.now() - begin)} ms,`,
    `${(table.bytes / n).toFixed(1)} bytes a document`,
  )
  const summary = summaryOf(relay.slice(0, 1000), key)
  const batches = Array.from({ length: 9 }, (_, batch) => changeMicroseconds(summary, relay.slice(0, 1000), batch))
  console.log(`upkeep: ${median(batches).toFixed(2)} us a change (best of 9: ${Math.min(...batches).toFixed(2)});`)
  console.log(`stored summary: ${encodeSummary(summary).length} bytes`)
}

function changeMicroseconds(summary: DigestSummary, elements: DigestElement[], batch: number): number {
  const rounds = 30
  const begin = performance.now()
  for (let round = 0; round < rounds; round++) {
    const after = (batch * rounds + round).toString(16).padStart(16, '0')
    for (const element of elements) {
      changeSummary(summary, element.id, element.fingerprint, after)
      element.fingerprint = after
    }
  }
  return ((performance.now() - begin) * 1000) / (rounds * elements.length)
}

/** Stirling's formula. */
const log2Factorial = (n: number): number =>
  n < 2 ? 0 : n * Math.log2(n) - n * Math.LOG2E + 0.5 * Math.log2(2 * Math.PI * n)

const RANGE_WAYS = 16
const RANGE_LIST_MAX = 32
/** Length of the bound, the bound itself, the kind, the fingerprint. */
const RANGE_BYTES = 2 + 4 + 1 + 16

function rangeBytes(sets: Sets): number {
  const mine = rangeHashes(sets.client)
  const theirs = rangeHashes(sets.relay)
  const compare = (a: readonly number[], b: readonly number[]): number => {
    if (a.length === b.length && a.every((value, i) => value === b[i])) return 0
    if (b.length < RANGE_LIST_MAX) return 7 + 8 * b.length
    let bytes = 0
    for (let way = 0; way < RANGE_WAYS; way++) {
      const from = Math.floor((b.length * way) / RANGE_WAYS)
      const to = Math.floor((b.length * (way + 1)) / RANGE_WAYS)
      const low = way === 0 ? Number.NEGATIVE_INFINITY : (b[from] as number)
      const high = to === b.length ? Number.POSITIVE_INFINITY : (b[to] as number)
      bytes += RANGE_BYTES + compare(b.slice(from, to), a.slice(lowerBound(a, low), lowerBound(a, high)))
    }
    return bytes
  }
  return RANGE_BYTES + compare(mine, theirs)
}

function rangeHashes(elements: Sets['client']): number[] {
  const { words, count } = createTable(() => elements, [1, 2, 3, 4])
  const hashes = Float64Array.from({ length: count }, (_, i) => {
    const at = i * ELEMENT_WORDS
    return (words[at + 2] as number) * 2 ** 20 + ((words[at + 3] as number) >>> 12)
  })
  return Array.from(hashes.sort())
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0

const print = (row: (string | number)[]): void => console.log(row.map((cell) => String(cell).padStart(11)).join(' '))

main(Number(process.argv[2] ?? 1_000_000))
