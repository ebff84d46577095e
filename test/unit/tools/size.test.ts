/** What an app's bundle grows by does not grow unseen, neither what is loaded first nor all of it. */
import { expect, test } from 'vitest'
import { ENTRIES, sizeOf } from '../../../tools/size.ts'

test.each(ENTRIES)('$name is within its bounds', async (entry) => {
  const { first, all } = await sizeOf(entry)
  expect(first).toBeGreaterThan(1_000)
  expect(first).toBeLessThanOrEqual(entry.firstBytesMax)
  // What was loaded late and is now loaded first would show here.
  expect(all).toBeGreaterThan(first + 30_000)
  expect(all).toBeLessThanOrEqual(entry.allBytesMax)
})
