/**
 * `npm start`: one relay with SQLite, the demo at its root, and on the first run two hundred sample notes. Options are those
 * of `rejoin relay` by their variables: `PORT`, `REJOIN_DATA`, `REJOIN_DEMO`.
 */
import { resolve } from 'node:path'
import { createRelay, type Relay } from '../server/index.ts'
import { seedNotebook } from './seed.ts'

const DEMO = resolve(import.meta.dirname, '../dist/demo')
/** A stop that takes longer than this hangs. */
const STOP_WITHIN_MS = 10_000

const { PORT = '8787', REJOIN_DATA = '.rejoin', REJOIN_DEMO = DEMO } = process.env
const relay = createRelay({ data: resolve(REJOIN_DATA), demo: REJOIN_DEMO })
stopOnSignals(relay)
const { url } = await relay.listen(Number(PORT))
const added = await seedNotebook(url)
if (added > 0) console.log(`Wrote ${added} sample notes.`)
console.log(`Open ${url} in two windows, and edit.`)

function stopOnSignals(running: Relay): void {
  const stop = (): void => {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}
