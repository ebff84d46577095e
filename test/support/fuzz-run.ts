/** Fuzzing in a process of its own, that can be ended where it hangs: `node test/support/fuzz-run.ts <seed> <cases>`. */
import { fuzz } from './fuzz.ts'

const [seed, cases] = process.argv.slice(2).map(Number)
/** The main thread is busy until the end: how far it is has to be written at once. */
const PROGRESS_EVERY = 500
if (seed === undefined || cases === undefined) throw new Error('give a seed and a number of cases')
const report = fuzz({
  seed,
  cases,
  progress(at) {
    if (at % PROGRESS_EVERY === 0) process.stdout.write(`${at}\n`)
  },
})
process.stdout.write(`${JSON.stringify(report)}\n`)
