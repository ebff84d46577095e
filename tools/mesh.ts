/**
 * `npm run demo:mesh`: three relays that share everything, and the demo in front of them. Keys 1, 2 and 3 stop and start a
 * relay, as a crash would; the page goes on with another.
 */
import { resolve } from 'node:path'
import { createRelay, type Relay } from '../server/index.ts'
import { seedNotebook } from './seed.ts'

const DEMO = resolve(import.meta.dirname, '../dist/demo')
const { PORT = '8787', REJOIN_DATA = '.rejoin/mesh' } = process.env
const ports = [0, 1, 2].map((nth) => Number(PORT) + nth)
const urls = ports.map((port) => `http://127.0.0.1:${port}`)
const running: (Relay | undefined)[] = []

async function start(nth: number): Promise<void> {
  const relay = createRelay({
    data: resolve(REJOIN_DATA, `${nth + 1}`),
    demo: DEMO,
    peers: urls.filter((_, other) => other !== nth),
    allowedOrigins: urls,
  })
  running[nth] = relay
  await relay.listen(ports[nth] ?? 0)
}

async function toggle(nth: number): Promise<void> {
  const relay = running[nth]
  running[nth] = undefined
  if (relay === undefined) await start(nth)
  else await relay.close()
  console.log(`Relay ${nth + 1} ${relay === undefined ? 'runs' : 'is stopped'}.`)
}

async function stop(): Promise<void> {
  await Promise.all(running.map((relay) => relay?.close()))
  process.exit(0)
}

for (const nth of ports.keys()) await start(nth)
const [first = '', ...others] = urls
const added = await seedNotebook(first)
if (added > 0) console.log(`Wrote ${added} sample notes.`)
const page = `${first}/?${others.map((url) => `relay=${encodeURIComponent(url)}`).join('&')}`
console.log(`Three relays run. Open ${page}\nPress 1, 2 or 3 to stop or start one, q to end.`)
process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
if (process.stdin.isTTY) {
  process.stdin.setRawMode(true)
  process.stdin.on('data', (key) => {
    const pressed = key.toString()
    if (pressed === 'q' || pressed === '\u0003') void stop()
    const nth = Number(pressed) - 1
    if (nth >= 0 && nth < ports.length) toggle(nth).catch((error: unknown) => console.error(error))
  })
}
