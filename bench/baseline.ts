/** The counts that were reached: more fails, less is to be written down. `npm run bench -- --update` does that. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { CountsByWork } from './counts.ts'
import type { Counts } from './systems/traffic.ts'

const FILE = new URL('./baseline.json', import.meta.url)

export const readBaseline = (): CountsByWork => JSON.parse(readFileSync(FILE, 'utf8')) as CountsByWork

export function writeBaseline(counts: CountsByWork): void {
  const lines = Object.entries(counts).map(([work, each]) => {
    const fields = Object.entries(each).map(([field, count]) => `${JSON.stringify(field)}: ${count}`)
    return `  ${JSON.stringify(work)}: { ${fields.join(', ')} }`
  })
  writeFileSync(FILE, `{\n${lines.join(',\n')}\n}\n`)
}

export interface Comparison {
  /** Counts above the baseline, and work that only one of the two has: sentences. */
  readonly worse: readonly string[]
  /** Counts below it. */
  readonly better: readonly string[]
}

export function compareCounts(baseline: CountsByWork, counts: CountsByWork): Comparison {
  const worse: string[] = []
  const better: string[] = []
  for (const work of new Set([...Object.keys(baseline), ...Object.keys(counts)])) {
    const [before, now] = [baseline[work], counts[work]]
    if (before === undefined) worse.push(`${work}: the baseline does not have it`)
    else if (now === undefined) worse.push(`${work}: only the baseline has it`)
    else {
      for (const field of Object.keys(now) as (keyof Counts)[]) {
        const line = `${work}: ${field} ${before[field]} -> ${now[field]}`
        if (now[field] < before[field]) better.push(line)
        else if (now[field] !== before[field]) worse.push(line)
      }
    }
  }
  return { worse, better }
}
