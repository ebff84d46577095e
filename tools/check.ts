/**
 * The first half of `npm run check`: types, lint, layers and build, side by side, as none of them keeps all cores busy. What one says
 * is shown when it ends. Ends with 1 where one of them fails.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

/** Scripts of package.json. */
const STEPS = ['types', 'lint', 'layers', 'build'] as const

/** Whether it succeeded. */
function run(step: string): Promise<boolean> {
  const startMs = performance.now()
  return new Promise((resolve) => {
    const cwd = join(import.meta.dirname, '..')
    execFile(
      'npm',
      ['run', '--silent', step],
      { cwd, maxBuffer: Number.POSITIVE_INFINITY },
      (error, stdout, stderr) => {
        const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
        console.log(`== ${step}: ${error === null ? 'ok' : 'FAILED'}, ${seconds} s\n${stdout}${stderr}`.trimEnd())
        resolve(error === null)
      },
    )
  })
}

const ends = await Promise.all(STEPS.map(run))
process.exitCode = ends.every(Boolean) ? 0 : 1
