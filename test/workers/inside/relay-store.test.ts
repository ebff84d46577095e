import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { openObjectStore } from '../../../server/storage/sqlite-object.ts'
import { testRelayStore } from '../../contract/relay-store.ts'

let storage: DurableObjectStorage | undefined
let count = 0

/** As a new object finds it. */
function clear({ sql }: DurableObjectStorage): void {
  const names = sql
    .exec("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
    .toArray()
  for (const { name } of names) sql.exec(`DROP TABLE ${name}`)
}

testRelayStore(
  'in a Durable Object',
  () => {
    if (storage === undefined) throw new Error('not in an object')
    const there = storage
    clear(there)
    return { store: openObjectStore(there), reopen: () => openObjectStore(there) }
  },
  async (body) => {
    const stub = env.RELAY.getByName(`weur/contract-${count++}`)
    await runInDurableObject(stub, (_, state) => {
      storage = state.storage
      body()
    })
  },
)
