import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below what Linux, macOS and Windows give to outgoing connections and to whoever asks for any port: one of those may be somebody else's by
 * the time it is listened on, first or after its relay was killed. For the same reason every worker of the tests has ports of its own.
 */
const FIRST = 12_000
const WORKERS = 20
const PORTS = 1_000

const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS
let taken = randomInt(PORTS)

/** A port of this machine that nobody listened on a moment ago; this process gives it again after a thousand others. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = FIRST + worker * PORTS + (taken++ % PORTS)
    if (await isFree(port)) return port
  }
  throw new Error(`none of ${PORTS} ports from ${FIRST + worker * PORTS} is free`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
