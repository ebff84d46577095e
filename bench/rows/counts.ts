/** Row `counts`: the deterministic figures beside the baseline. */
import { compareCounts, readBaseline, writeBaseline } from '../baseline.ts'
import { type CountsByWork, countAll } from '../counts.ts'
import { CATCH_UP, COLD_JOIN, OFFLINE, RECONNECT } from '../scenarios.ts'
import type { Counts } from '../systems/traffic.ts'
import { atMost, type Goal, printFigures } from '../table.ts'

/** Goals that do not depend on how large the document is. */
const GOALS: Record<string, Partial<Record<keyof Counts, Goal>>> = {
  [RECONNECT]: { bytesUp: atMost(64), bytesDown: atMost(64), roundTrips: atMost(1) },
  [CATCH_UP]: { roundTrips: atMost(1) },
  [COLD_JOIN]: { roundTrips: atMost(2) },
  [OFFLINE]: { messagesUp: atMost(3), messagesDown: atMost(3) },
}

export async function printCounts(isUpdate: boolean): Promise<void> {
  const counts = await countAll()
  if (isUpdate) {
    writeBaseline(counts)
    console.log('bench/baseline.json is written')
  }
  const baseline = readBaseline()
  printFigures(
    'counts in virtual time, one made-up document and 1,000 small ones',
    'the baseline',
    figures(counts, baseline),
  )
  const { worse, better } = compareCounts(baseline, counts)
  for (const line of worse) console.log(`WORSE than the baseline: ${line}`)
  for (const line of better) console.log(`better than the baseline: ${line}`)
  if (better.length > 0) console.log('lower the baseline: npm run bench -- --update')
  if (worse.length > 0) process.exitCode = 1
}

function figures(counts: CountsByWork, baseline: CountsByWork) {
  return Object.entries(counts).flatMap(([work, each]) =>
    (Object.keys(each) as (keyof Counts)[]).map((what) => ({
      work,
      what,
      rejoin: each[what],
      peer: baseline[work]?.[what],
      goal: GOALS[work]?.[what],
    })),
  )
}
