import { describe, expect, test } from 'vitest'
import { compareCounts, readBaseline } from '../../../bench/baseline.ts'
import { type CountsByWork, countAll } from '../../../bench/counts.ts'

const counts = { bytesUp: 40, bytesDown: 30, messagesUp: 1, messagesDown: 1, roundTrips: 1 }

describe('the baseline of the bench', () => {
  test('[P11] catching up costs no more bytes, messages and round trips than it did', async () => {
    const { worse, better } = compareCounts(readBaseline(), await countAll())
    if (better.length > 0) console.warn(`${better.join('\n')}\nLower the baseline: npm run bench -- --update`)
    expect(worse).toEqual([])
  })

  test('tells what became worse and what became better', () => {
    const compared = compareCounts({ join: counts }, { join: { ...counts, bytesUp: 41, roundTrips: 0 } })
    expect(compared).toEqual({ worse: ['join: bytesUp 40 -> 41'], better: ['join: roundTrips 1 -> 0'] })
    expect(compareCounts({ join: counts }, { join: counts })).toEqual({ worse: [], better: [] })
  })

  test('work that only one of the two has is no success', () => {
    expect(compareCounts({}, { join: counts }).worse).toEqual(['join: the baseline does not have it'])
    expect(compareCounts({ join: counts }, {}).worse).toEqual(['join: only the baseline has it'])
  })

  test('a count that is new or no number fails', () => {
    const { bytesUp: _, ...before } = counts
    const baseline = { join: before } as unknown as CountsByWork
    expect(compareCounts(baseline, { join: counts }).worse).toEqual(['join: bytesUp undefined -> 40'])
    expect(compareCounts({ join: counts }, { join: { ...counts, bytesUp: Number.NaN } }).worse).toHaveLength(1)
  })
})
