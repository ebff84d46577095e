import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { runSteps, type Step, sumUp } from '../../../tools/test.ts'

beforeEach(() => {
  vi.spyOn(console, 'log').mockReturnValue()
  vi.spyOn(console, 'error').mockReturnValue()
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** A step that makes a vitest run of each of `runs`, and ends with this exit code. */
function step(name: string, runs: [passed: number, failed: number, skipped: number][], exitCode = 0): Step {
  const lines = runs.map(([passed, failed, skipped]) => `${JSON.stringify({ passed, failed, skipped })}\n`).join('')
  const script = `if (process.argv[1]) require('node:fs').appendFileSync(process.env.REJOIN_TEST_COUNTS, process.argv[1])
    process.exit(${exitCode})`
  return { name, command: [process.execPath, '-e', script, '--', lines] }
}

const outcomes = (steps: Step[]) =>
  runSteps(steps).map(({ name, counts, isBroken }) => [name, counts.passed, counts.failed, isBroken])

it('sums up all runs of all steps', () => {
  const results = runSteps([
    step('unit', [[5, 0, 1]]),
    step('tool', []),
    step('rest', [
      [2, 0, 0],
      [3, 0, 2],
    ]),
  ])
  expect(sumUp(results)).toEqual({ passed: 10, failed: 0, skipped: 3 })
})

it('goes on after failed tests', () => {
  expect(outcomes([step('unit', [[5, 2, 0]], 1), step('rest', [[1, 0, 0]])])).toEqual([
    ['unit', 5, 2, false],
    ['rest', 1, 0, false],
  ])
})

it('counts a step that fails without a failed test as one, and ends there', () => {
  expect(outcomes([step('lint', [], 1), step('rest', [[1, 0, 0]])])).toEqual([['lint', 0, 1, true]])
  expect(outcomes([step('crash', [[7, 0, 0]], 3), step('rest', [])])).toEqual([['crash', 7, 1, true]])
})

it('counts a command that does not start, and one that is killed', () => {
  expect(outcomes([{ name: 'missing', command: ['/no/such/command'] }])).toEqual([['missing', 0, 1, true]])
  const suicide = "process.kill(process.pid, 'SIGKILL')"
  expect(outcomes([{ name: 'killed', command: [process.execPath, '-e', suicide] }])).toEqual([['killed', 0, 1, true]])
})
