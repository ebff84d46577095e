/** Real editing sessions, typed by two people through a relay. */
import { expect, test } from 'vitest'
import { typeInTurns } from '../../support/relayed-trace.ts'
import { generateTrace, openTrace } from '../../support/traces.ts'
import { startRelay } from '../server/support.ts'

test.each([
  ['sveltecomponent', 1, 12],
  ['rustcode', 2, 6],
] as const)(
  '[P1] %s, typed by two in turn, ends as it was recorded (without a recording: seed %i)',
  async (name, seed, turns) => {
    const relay = await startRelay()
    const trace = openTrace(name, seed, 10_000)
    for (const text of await typeInTurns(relay, trace, turns)) expect(text === trace.endContent).toBe(true)
    expect(relay.errors).toEqual([])
  },
)

test('a made-up session has the shape of a recorded one, and is the same for the same seed', () => {
  const trace = generateTrace(7, 500)
  expect(trace.txns).toHaveLength(500)
  expect(generateTrace(7, 500)).toEqual(trace)
  expect(generateTrace(8, 500).endContent).not.toBe(trace.endContent)
  let text = trace.startContent
  for (const { patches } of trace.txns) {
    for (const [at, deleted, inserted] of patches) text = text.slice(0, at) + inserted + text.slice(at + deleted)
  }
  expect(text).toBe(trace.endContent)
})
