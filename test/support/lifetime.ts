/** What a test starts ends with it; and waiting for what must come. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach } from 'vitest'

const cleanups: (() => unknown)[] = []

/** Runs after the test, the last one first; each one runs, whatever the others do. */
export function cleanUp(act: () => unknown): void {
  cleanups.push(act)
}

afterEach(async () => {
  const failures: unknown[] = []
  for (let act = cleanups.pop(); act !== undefined; act = cleanups.pop()) {
    try {
      await act()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'cleaning up failed')
})

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rejoin-test-'))
  // A browser that was killed may still be writing for a moment.
  cleanUp(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
  return folder
}

/** Long enough for a machine that does much else at the same time. */
const CAME_TO_BE_MS = 45_000

/** Waits until `condition` holds. Throws with `what`, and with what `seen` tells, where it does not come to be. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { withinMs = CAME_TO_BE_MS, seen }: { withinMs?: number; seen?: () => unknown } = {},
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > end) {
      const found = seen === undefined ? '' : `; found: ${JSON.stringify(await seen())?.slice(0, 2_000)}`
      throw new Error(`not within ${withinMs} ms: ${what}${found}`)
    }
    await sleep(10)
  }
}
