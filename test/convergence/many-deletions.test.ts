/** More deletions than one update may have, come to by small ones. */
import { expect, test } from 'vitest'
import type { Subscriber } from '../../server/relay/commits.ts'
import { FIRST_EPOCH } from '../../shared/ids.ts'
import { cleanUp } from '../support/lifetime.ts'
import { deletionsOfMany, lettersOfMany } from '../support/many-deletions.ts'
import { areEqual, compareAll, createRing, haveSameVersions, textAt } from '../unit/mesh/support.ts'

test('[P1][P10] takes what small updates come to together, although as one it would pass a bound', async () => {
  const world = createRing(2)
  cleanUp(() => world.close())
  const [a, b] = [world.node(0), world.node(1)]
  const from: Subscriber = { committed() {}, refused: (refusal) => void a.refusals.push(refusal) }
  const where = { document: 'many', epoch: FIRST_EPOCH, gc: true }
  const submit = (bytes: Uint8Array) => a.workspace.submit(from, where, { kind: 'yjs-v1', bytes }, 0)
  for (const update of lettersOfMany()) submit(update)
  await world.until('both have the letters', () => haveSameVersions(world.nodes))
  b.down = true
  for (const update of deletionsOfMany()) submit(update)
  world.write(a, 'other', 'too')
  await world.run(2_000)
  a.restart()
  b.down = false
  await compareAll(world)
  await world.until('both are equal', () => haveSameVersions(world.nodes))
  expect(areEqual(world.nodes)).toBe(true)
  expect(textAt(b, 'other')).toBe('too')
  expect([...a.refusals, ...b.refusals]).toEqual([])
})
