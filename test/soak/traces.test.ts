/** The whole of a paper, 260,000 edits, typed by two people through a relay. */
import { expect, test } from 'vitest'
import { typeInTurns } from '../support/relayed-trace.ts'
import { openTrace } from '../support/traces.ts'
import { startRelay } from '../unit/server/support.ts'

test.each([
  ['automerge-paper', 3, 40],
  ['rustcode', 4, 40],
] as const)(
  '[P1] %s, typed by two in turn, ends as it was recorded (without a recording: seed %i)',
  async (name, seed, turns) => {
    const relay = await startRelay()
    const trace = openTrace(name, seed, 260_000)
    for (const text of await typeInTurns(relay, trace, turns)) expect(text === trace.endContent).toBe(true)
    expect(relay.errors).toEqual([])
  },
)
