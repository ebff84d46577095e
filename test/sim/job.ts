/** One process of `jobs.ts`: runs every seed that it is told, in the world that the module on its command line names for it. */
import type { WorldModule } from './jobs.ts'
import { attempt } from './run/attempt.ts'

const [module = '', ...argv] = process.argv.slice(2)
const { worldOf }: WorldModule = await import(module)

process.on('message', async (seed: number) => {
  process.send?.(await attempt(seed, await worldOf(seed, argv)))
})
process.on('disconnect', () => process.exit())
