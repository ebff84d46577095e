import { expect, test } from 'vitest'
import { countAll } from '../../bench/counts.ts'

test('[P11] counts are the same in every run', async () => {
  const [one, other] = [await countAll(), await countAll()]
  expect(other).toEqual(one)
})
