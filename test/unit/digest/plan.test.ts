import { describe, expect, it } from 'vitest'
import { CELLS_MAX } from '../../../shared/digest/bounds.ts'
import * as plan from '../../../shared/digest/plan.ts'

describe('the plan of a session', () => {
  it('[P11] takes cells for few differences, a filter for many, a list for tiny sets', () => {
    expect(plan.chooseWay(1_000_000, 1_000_000, 16)).toBe('cells')
    expect(plan.chooseWay(1000, 1000, 24)).toBe('cells')
    expect(plan.chooseWay(100_000, 100_000, 1600)).toBe('cells')
    expect(plan.chooseWay(10_000, 10_000, 1600)).toBe('bloom')
    expect(plan.chooseWay(100_000, 100_000, 80_000)).toBe('bloom')
    expect(plan.chooseWay(10, 10, 20)).toBe('list')
    expect(plan.chooseWay(0, 1_000_000, 1_000_000)).toBe('list')
  })

  it('[P7] asks for no more cells than there may be, nor more than a list is worth', () => {
    expect(plan.chooseWay(4_000_000, 4_000_000, CELLS_MAX)).not.toBe('cells')
    expect(plan.cellsWorth(4_000_000)).toBe(CELLS_MAX)
    expect(plan.cellsWorth(100) * 8).toBeLessThan(plan.listBytes(100))
  })

  it('gives a filter more bits the more it would hide', () => {
    const bits = [1000, 10_000, 40_000, 100_000].map((exposed) => plan.bitsPerEntry(100_000, exposed, 0.1))
    expect(bits).toEqual([...bits].sort((a, b) => a - b))
    expect(bits[0]).toBe(1.5)
    expect(bits[3]).toBeLessThan(8)
    expect(plan.bitsPerEntry(0, 0, 0)).toBeLessThan(24)
  })

  it('knows about how many tags two filters hide', () => {
    // 8,000 changed and 1,000 only on either side, through filters that hide 1 in 10 and 1 in 5.
    const outcome = { firstHides: 0.1, secondHides: 0.2, changed: 7200, theirsOnly: 900, second: 640 + 800 }
    expect(plan.hiddenByFilters(outcome)).toBeCloseTo(100 + 200 + 2 * 160, 5)
  })
})
