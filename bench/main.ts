/**
 * `npm run bench`: what Rejoin costs beside y-websocket's server in the same run, and beside what we want to reach.
 *
 *   npm run bench                      all rows
 *   npm run bench -- trace kill        some of them
 *   npm run bench -- reconnect 5000    coming back with so many documents
 *   npm run bench -- digest 1000000    digests of up to a million documents
 *   npm run bench -- --update          writes the deterministic counts to baseline.json
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism, platform } from 'node:os'
import { fileURLToPath } from 'node:url'
import { printCompaction } from './rows/compaction.ts'
import { printCounts } from './rows/counts.ts'
import { printFanOut, printGate } from './rows/fan-out.ts'
import { printKill } from './rows/kill.ts'
import { printMesh } from './rows/mesh.ts'
import { printPaused } from './rows/paused.ts'
import { printReconnect } from './rows/reconnect.ts'
import { printTrace } from './rows/trace.ts'
import { printWorkers } from './rows/workers.ts'

const BROWSER = fileURLToPath(new URL('./browser/main.ts', import.meta.url))
const DIGEST = fileURLToPath(new URL('./digest.ts', import.meta.url))
/** Documents of the largest digest where all rows are printed; more take a minute. */
const DIGEST_DOCUMENTS = '100000'

const rows: Record<string, (args: readonly string[]) => Promise<void> | void> = {
  counts: () => printCounts(false),
  trace: printTrace,
  compaction: printCompaction,
  'fan-out': printFanOut,
  gate: printGate,
  kill: printKill,
  mesh: printMesh,
  paused: printPaused,
  reconnect: printReconnect,
  workers: printWorkers,
  browser: () => {
    const { status } = spawnSync(process.execPath, [BROWSER], { stdio: 'inherit' })
    if (status !== 0) process.exitCode = 1
  },
  digest: ([documents = DIGEST_DOCUMENTS]) => {
    console.log('\ndigests of many documents')
    const { status } = spawnSync(process.execPath, [DIGEST, documents], { stdio: 'inherit' })
    if (status !== 0) process.exitCode = 1
  },
}

async function main(args: readonly string[]): Promise<void> {
  const isUpdate = args.includes('--update')
  if (isUpdate) return printCounts(true)
  const named = args.filter((arg) => arg in rows)
  const others = args.filter((arg) => !(arg in rows))
  if (others.some((arg) => !/^\d+$/.test(arg))) {
    console.error(`There is no row ${others.join(' ')}; rows are ${Object.keys(rows).join(', ')}`)
    process.exitCode = 2
    return
  }
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${platform()}`)
  for (const name of named.length > 0 ? named : Object.keys(rows)) await rows[name]?.(others)
}

// so that servers end with the bench, however it ends
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await main(process.argv.slice(2))
