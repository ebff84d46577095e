/**
 * `npm test`: everything that shows that the project works, one step after another. It ends with one plain line,
 * `N passed, N failed`, which counts the tests of all steps; a step that fails without a failed test counts as one.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestCounts } from '../test/ci-reporter.ts'

export interface Step {
  name: string
  command: readonly string[]
}

export interface StepResult {
  name: string
  counts: TestCounts
  /** The last failure is of the step, not of one of its tests: what comes after it cannot run. */
  isBroken: boolean
  seconds: number
}

const steps: readonly Step[] = [
  { name: 'check', command: ['npm', 'run', '--silent', 'check'] },
  { name: 'browser', command: [process.execPath, 'tools/browser.ts'] },
  // What is neither in `check` nor takes hours, so that a new vitest project is never forgotten here.
  { name: 'rest', command: ['npx', 'vitest', 'run', '--project', '!unit', '--project', '!soak'] },
]

/** Runs the steps in their order until one is broken; failed tests do not keep the next step from telling more. */
export function runSteps(steps: readonly Step[]): StepResult[] {
  const results: StepResult[] = []
  for (const step of steps) {
    console.log(`\n== ${step.name}: ${step.command.join(' ')}`)
    const result = runStep(step)
    results.push(result)
    if (result.isBroken) break
  }
  return results
}

export function sumUp(results: readonly StepResult[]): TestCounts {
  const total: TestCounts = { passed: 0, failed: 0, skipped: 0 }
  for (const { counts } of results) add(total, counts)
  return total
}

function runStep({ name, command: [command = '', ...args] }: Step): StepResult {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-test-'))
  const countsFile = join(folder, 'counts')
  try {
    const startMs = performance.now()
    const env = { ...process.env, REJOIN_TEST_COUNTS: countsFile }
    const { status, error } = spawnSync(command, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
    if (error !== undefined) console.error(`${command}: ${error.message}`)
    const counts = readCounts(countsFile)
    const isBroken = status !== 0 && counts.failed === 0
    if (isBroken) counts.failed = 1
    return { name, counts, isBroken, seconds: Math.round((performance.now() - startMs) / 1000) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readCounts(file: string): TestCounts {
  const total: TestCounts = { passed: 0, failed: 0, skipped: 0 }
  if (!existsSync(file)) return total
  for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') add(total, JSON.parse(line))
  return total
}

function add(total: TestCounts, { passed, failed, skipped }: TestCounts): void {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}

function describeResult({ name, counts, isBroken, seconds }: StepResult): string {
  const { passed, failed, skipped } = counts
  const outcome = isBroken ? 'BROKEN' : failed > 0 ? 'FAILED' : 'ok'
  return `${name.padEnd(8)} ${outcome.padEnd(6)} ${seconds} s, tests: +${passed} -${failed}${skipped > 0 ? ` (${skipped} skipped)` : ''}`
}

if (import.meta.main) {
  process.chdir(join(import.meta.dirname, '..'))
  const results = runSteps(steps)
  const { passed, failed } = sumUp(results)
  console.log(['', ...results.map(describeResult)].join('\n'))
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}
