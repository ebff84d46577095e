/**
 * Many clients in a process of its own: `node test/support/storm-clients.ts <url> <first> <count>`. Told `tell` on stdin, it answers with a
 * line of JSON: when its clients tried to connect, in milliseconds, and how many are in sync.
 */
import { createInterface } from 'node:readline'
import { dialWebSocket } from '../../client/connection/socket.ts'
import { openWorkspace, type Workspace } from '../../client/index.ts'

const [url = '', first = '0', count = '0'] = process.argv.slice(2)
const attempts: number[] = []
const workspaces: Workspace[] = []

for (let n = 0; n < Number(count); n++) {
  const workspace = await openWorkspace({
    id: 'acme',
    user: `person ${Number(first) + n}`,
    relays: [url],
    storage: 'memory',
    dial(address, handlers) {
      attempts.push(Date.now())
      return dialWebSocket(address, handlers)
    },
  })
  workspaces.push(workspace)
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'tell') continue
  const synced = workspaces.filter(({ status }) => status.get().connection === 'synced').length
  process.stdout.write(`${JSON.stringify({ attempts: attempts.splice(0), synced })}\n`)
}
