/** One process of `jobs.ts`: runs every seed that it is told, in the world that the module on its command line names for it. */
import { setFlagsFromString } from 'node:v8'
import type { WorldModule } from './jobs.ts'
import { attempt } from './run/attempt.ts'

// A seed takes a second or a few, and a fifth of that went into optimising what hardly ran again. A V8 that has no such flag goes on.
setFlagsFromString('--always-sparkplug')
setFlagsFromString('--invocation-count-for-turbofan=100000')

const [module = '', ...argv] = process.argv.slice(2)
const { worldOf }: WorldModule = await import(module)

process.on('message', async (seed: number) => {
  process.send?.(await attempt(seed, await worldOf(seed, argv)))
})
process.on('disconnect', () => process.exit())
