/** What an app's bundle grows by does not grow unseen. */
import { expect, test } from 'vitest'
import { ENTRIES, sizeOf } from '../../../tools/size.ts'

test.each(ENTRIES)('$name is within its bound', async (entry) => {
  const bytes = await sizeOf(entry)
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThanOrEqual(entry.bytesMax)
})
