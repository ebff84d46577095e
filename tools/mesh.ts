/**
 * `npm run demo:mesh`: three relays that share everything, and the demo in front of them, whose network lab shows them and cuts,
 * slows and stops what it shows. Keys 1, 2 and 3 kill and start a relay too.
 */
import { resolve } from 'node:path'
import { openLocalMesh } from './mesh/mesh.ts'
import { seedNotebook } from './seed.ts'

const {
  PORT = '8787',
  REJOIN_DATA = '.rejoin/mesh',
  REJOIN_DEMO = resolve(import.meta.dirname, '../dist/demo'),
} = process.env

const mesh = await openLocalMesh({
  ports: [0, 1, 2].map((nth) => Number(PORT) + nth),
  data: resolve(REJOIN_DATA),
  demo: REJOIN_DEMO,
  workspace: 'demo',
  writers: ['Ben', 'Cleo'],
})
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
const [first = '', ...others] = mesh.urls
const added = await seedNotebook(first)
if (added > 0) console.log(`Wrote ${added} sample notes.`)
const page = `${first}/?${others.map((url) => `relay=${encodeURIComponent(url)}`).join('&')}`
console.log(
  `Three relays run. Open ${page}\nIts network lab shows them. Press 1, 2 or 3 to kill or start one, q to end.`,
)

async function stop(): Promise<void> {
  await mesh.close()
  process.exit(0)
}

async function toggle(nth: number): Promise<void> {
  const relay = mesh.relays[nth]
  if (relay === undefined) return
  await mesh.toggle(relay)
  console.log(`Relay ${nth + 1} ${relay.isRunning ? 'runs' : 'is stopped'}.`)
}

if (process.stdin.isTTY) {
  process.stdin.setRawMode(true)
  process.stdin.on('data', (key) => {
    const pressed = key.toString()
    if (pressed === 'q' || pressed === '\u0003') void stop()
    toggle(Number(pressed) - 1).catch((error: unknown) => console.error(error))
  })
}
