/** Rejoin as users run it: the relay's command in a process of its own, and clients through the public interface. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { dialWebSocket } from '../../client/connection/socket.ts'
import { createMemoryReplicaStore, type Dial, openWorkspace } from '../../client/index.ts'
import { mintToken } from '../../server/auth/tokens.ts'
import { openSqliteStore } from '../../server/storage/sqlite-file.ts'
import { startServer } from './processes.ts'
import { CAME_TO_BE_MS, createRealTime } from './real-time.ts'
import type { Person, ServedSystem, StoppedStore } from './system.ts'
import { createTraffic, type Traffic } from './traffic.ts'

const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url))

/** A relay that asks for tokens, and clients that have them. */
export const startGuarded = (): Promise<ServedSystem> => startRejoin('a secret of thirty-two bytes, or of more')

export async function startRejoin(secret?: string): Promise<ServedSystem> {
  const time = createRealTime()
  const server = await startServer({
    args: (port, data) => [CLI, 'relay', '--port', String(port), '--data', data],
    env: (): Record<string, string> => (secret === undefined ? {} : { REJOIN_AUTH_SECRET: secret }),
    stores: true,
  })
  const people = new Set<Person>()

  async function join(name: string, document = 'document'): Promise<Person> {
    const traffic = createTraffic(time.now)
    const doc = time.createDoc()
    const workspace = await openWorkspace({
      id: 'bench',
      user: name,
      relays: [`ws://127.0.0.1:${server.port}`],
      storage: createMemoryReplicaStore({ durable: true }),
      token: secret === undefined ? undefined : () => tokenOf(secret, name),
      connect: false,
      dial: counted(dialWebSocket, traffic),
    })
    workspace.on('error', (error) => console.error(`${name}: ${String(error)}`))
    const note = workspace.open(document, { doc })
    await note.whenLoaded
    const person: Person = time.add({
      name,
      doc,
      text: doc.getText('text'),
      traffic,
      connect: () => workspace.connect(),
      disconnect: () => workspace.disconnect(),
      isSynced: () => workspace.status.get().connection === 'synced',
      delivered: () => note.saved('relay', { signal: AbortSignal.timeout(CAME_TO_BE_MS) }),
      async leave() {
        people.delete(person)
        note.close()
        await workspace.close()
      },
    })
    people.add(person)
    return person
  }

  return {
    ...time,
    name: 'Rejoin',
    server,
    store: stoppedStore(server.data ?? ''),
    join,
    async close() {
      for (const person of people) await person.leave()
      await server.remove()
    },
  }
}

const tokenOf = (secret: string, name: string): Promise<string> =>
  mintToken(secret, { subject: name, workspaces: ['bench'], role: 'write', lifetimeMs: 600_000 })

/** The workspace of all benches, in the folder of a relay. */
const WORKSPACE_FILE = joinPath('workspaces', 'bench.sqlite')

function stoppedStore(data: string): StoppedStore {
  return {
    logBytes() {
      const database = new DatabaseSync(joinPath(data, WORKSPACE_FILE), { readOnly: true })
      const row = database.prepare('SELECT SUM(LENGTH(bytes)) AS bytes FROM log').get()
      database.close()
      return Number(row?.bytes)
    },
    compactedBytes: () =>
      inFolder((folder) => {
        cpSync(data, folder, { recursive: true })
        const { status, stderr } = spawnSync(process.execPath, [CLI, 'compact', folder])
        if (status !== 0) throw new Error(`the store does not compact: ${String(stderr)}`)
        return statSync(joinPath(folder, WORKSPACE_FILE)).size - freshBytes()
      }),
  }
}

/** Bytes of a store with nothing in it. */
const freshBytes = (): number =>
  inFolder((folder) => {
    const file = joinPath(folder, 'fresh.sqlite')
    openSqliteStore(file).close()
    return statSync(file).size
  })

function inFolder<Result>(act: (folder: string) => Result): Result {
  const folder = mkdtempSync(joinPath(tmpdir(), 'rejoin-bench-'))
  try {
    return act(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Counts frames. The first one after something was sent is an answer. */
export function counted(dial: Dial, traffic: Traffic): Dial {
  return (url, handlers) => {
    let asked = false
    const socket = dial(url, {
      ...handlers,
      received(data) {
        if (typeof data !== 'string') {
          traffic.received(data.length, asked)
          asked = false
        }
        handlers.received(data)
      },
    })
    return {
      ...socket,
      send(data) {
        if (typeof data !== 'string') {
          traffic.sent(data.length)
          asked = true
        }
        socket.send(data)
      },
    }
  }
}
