import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below what Linux, macOS and Windows give to outgoing connections: no such one takes the port before it is listened on. */
const FIRST = 12_000
const END = 32_000

const given = new Set<number>()

/** A port of this machine that nobody listened on a moment ago; no two calls of a process give the same. */
export async function freePort(): Promise<number> {
  while (true) {
    const port = randomInt(FIRST, END)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
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
