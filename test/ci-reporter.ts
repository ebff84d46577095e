/**
 * Counts the tests of one vitest run. Alone it ends the output with a plain line that a CI can read; under `npm test`,
 * which makes several runs, it adds the counts as a line of JSON to the file that `REJOIN_TEST_COUNTS` names.
 */
import { appendFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

export interface TestCounts {
  passed: number
  failed: number
  skipped: number
}

export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = countTests(modules)
    counts.failed += errors.length
    const file = process.env.REJOIN_TEST_COUNTS
    if (file) appendFileSync(file, `${JSON.stringify(counts)}\n`)
    else console.log(closingLine(counts))
  }
}

/** `N passed, N failed`, and what was skipped only where something was. */
export function closingLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

function countTests(modules: readonly TestModule[]): TestCounts {
  const counts: TestCounts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) {
    const failedBefore = counts.failed
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'passed' || state === 'failed' ? state : 'skipped']++
    }
    // A file that did not load, or a hook that failed: no test of it failed, but something did.
    if (module.state() === 'failed' && counts.failed === failedBefore) counts.failed++
  }
  return counts
}
