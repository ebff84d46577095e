/** Coming to a relay without a place, over real sockets: a digest tells which of many documents differ, and only those move. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Dial } from '../../../client/connection/socket.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, type RunningRelay, startRelay, temporaryFolder } from '../server/support.ts'
import { type Client, coded, isSynced, readInStore, startClient, startRelayAt } from './support.ts'

const DOCUMENTS = 200
const CHANGED = 10

const range = (from: number, count: number): string[] => Array.from({ length: count }, (_, i) => `note ${from + i}`)

/** Opens documents, types, and closes them when the relay has it. */
async function write(client: Client, ids: readonly string[], text: string): Promise<void> {
  const notes = ids.map((id) => client.open(id))
  for (const note of notes) {
    await note.whenLoaded
    note.type(text)
  }
  await Promise.all(
    notes.map((note) => note.saved(client.workspace.status.get().connection === 'offline' ? 'device' : 'relay')),
  )
  for (const note of notes) note.close()
}

interface Ground {
  first: RunningRelay
  second: RunningRelay
  secondData: string
  /** Of somebody who has everything from the first relay, and never met the second. */
  storage: ReplicaStore
}

/** Two relays that hold the same documents, as one client brought them to both; another has them from the first. */
async function prepare(count = DOCUMENTS): Promise<Ground> {
  const first = await startRelay()
  const secondData = temporaryFolder()
  const second = await startRelay({ data: secondData })
  const brought = createOwnStore()
  const author = await startClient(first, { storage: brought })
  await isSynced(author)
  await write(author, range(0, count), 'some text that everybody has')
  await author.workspace.close()
  const carrier = await startClient(second, { storage: brought })
  await isSynced(carrier)
  await carrier.workspace.close()
  const storage = createOwnStore()
  const reader = await startClient(first, { storage })
  await isSynced(reader)
  expect(reader.workspace.documents.get()).toHaveLength(count)
  await reader.workspace.close()
  return { first, second, secondData, storage }
}

/** Y.Docs that are made from now on. */
function countDocs(): { readonly made: number } {
  const docs = new Set<Y.Doc>()
  const { on } = Y.Doc.prototype
  // Its constructor listens to itself.
  Y.Doc.prototype.on = function (this: Y.Doc, ...args: Parameters<typeof on>) {
    docs.add(this)
    return on.apply(this, args)
  } as typeof on
  cleanUp(() => {
    Y.Doc.prototype.on = on
  })
  return {
    get made() {
      return docs.size
    },
  }
}

/** Looks at every message, and may put another in its place. */
function tapped(dial: Dial, side: 'sent' | 'received', change: (message: Message) => Message): Dial {
  const changed = (data: Uint8Array): Uint8Array => encodeFrame(decodeFrame(data).map(change).map(encodeMessage))
  return (url, handlers) => {
    const socket = dial(url, {
      ...handlers,
      received: (data) => handlers.received(side === 'received' && typeof data !== 'string' ? changed(data) : data),
    })
    return {
      ...socket,
      send: (data) => socket.send(side === 'sent' && typeof data !== 'string' ? changed(data) : data),
    }
  }
}

const figures = ({ network }: Client) => ({
  bytes: network.sentBytes + network.receivedBytes,
  messages: network.sentMessages + network.receivedMessages,
  roundTrips: network.roundTrips,
})

describe('coming back to another relay', () => {
  test(`[P11] learns in one round trip and 500 bytes that of ${DOCUMENTS} documents none differs`, async () => {
    const { second, storage } = await prepare()
    const docs = countDocs()
    const bob = await startClient(second, { storage })
    await isSynced(bob)
    expect(figures(bob).bytes).toBeLessThanOrEqual(500)
    expect(figures(bob).roundTrips).toBe(1)
    expect(figures(bob).messages).toBeLessThanOrEqual(3)
    expect(docs.made).toBe(0)
    expect(bob.errors).toEqual([])
    bob.open('note 0')
    expect(docs.made).toBe(1)
  })

  test(`[P10][P11] fetches and uploads exactly what differs, and makes no Y.Doc of it`, async () => {
    const { second, storage } = await prepare()
    const there = range(0, CHANGED)
    const here = range(100, CHANGED)
    const addedThere = 'somebody changed it at the other relay'
    const addedHere = 'somebody changed it on this device'
    await write(await startClient(second), there, addedThere)
    const offline = await startClient(undefined, { storage })
    await write(offline, here, addedHere)
    await offline.workspace.close()

    const docs = countDocs()
    const moved = new Set<string>()
    const watch = (message: Message): Message => {
      if (message.type === 'vector' || message.type === 'entries' || message.type === 'piece')
        moved.add(message.document)
      return message
    }
    const { network } = await startClient(undefined)
    const dial = tapped(tapped(network.dial, 'sent', watch), 'received', watch)
    const back = await startClient(second, { storage, dial })
    await isSynced(back)
    expect(docs.made).toBe(0)
    expect([...moved].sort()).toEqual([...there, ...here].sort())
    // Records, each with a vector both ways; what a record adds to its text is about 60 bytes.
    const changedBytes = CHANGED * (addedThere.length + addedHere.length + 2 * 60)
    expect(network.sentBytes + network.receivedBytes).toBeLessThanOrEqual(2 * changedBytes + 1024)
    for (const id of there) expect(await readInStore(storage, id)).toContain(addedThere)
    const reader = await startClient(second)
    await isSynced(reader)
    for (const id of here) {
      const note = reader.open(id)
      await note.whenLoaded
      expect(note.read()).toContain(addedHere)
      note.close()
    }
  })

  test.each(['received', 'sent'] as const)(
    '[P5][P9] a digest that is damaged (%s) ends that conversation with its code, and the next one works',
    async (side) => {
      const { second, storage } = await prepare(50)
      await write(await startClient(second), range(0, 30), 'so that there is something to find out')
      let left = 1
      const damage = (message: Message): Message => {
        if (message.type !== 'digest' || left === 0) return message
        left--
        return { ...message, bytes: message.bytes.slice(0, -1) }
      }
      const plain = await startClient(undefined)
      const bob = await startClient(second, { storage, dial: tapped(plain.network.dial, side, damage) })
      await isSynced(bob)
      expect(left).toBe(0)
      expect(bob.errors).toEqual([coded('bad-frame')])
      expect(plain.network.opened).toBe(2)
      expect(await readInStore(storage, 'note 3')).toContain('something to find out')
      expect(second.errors).toEqual([])
    },
  )

  test('[P11] a relay that starts again goes on with the summary that it stored', async () => {
    const { second, secondData, storage } = await prepare(50)
    const first = await startClient(second, { storage: 'memory', sync: 'all' })
    await isSynced(first)
    await first.workspace.close()
    await second.relay.close()
    const before = storedSummary(secondData)
    const again = await startRelayAt(second.url, { data: secondData })
    const bob = await startClient(again, { storage })
    await isSynced(bob)
    expect(figures(bob).roundTrips).toBe(1)
    await bob.workspace.close()
    await again.relay.close()
    // One that was made anew has another key.
    expect(storedSummary(secondData)).toEqual(before)
  })

  test("[P11] sync: 'opened' is in no digest", async () => {
    const { second, storage } = await prepare(50)
    const types = new Set<string>()
    const watch = (message: Message): Message => {
      types.add(message.type)
      return message
    }
    const plain = await startClient(undefined)
    const bob = await startClient(second, {
      storage,
      sync: 'opened',
      dial: tapped(plain.network.dial, 'received', watch),
    })
    const note = bob.open('note 3')
    await note.whenSynced
    await isSynced(bob)
    expect(types).toContain('same')
    expect(types).not.toContain('digest')
    expect(types).not.toContain('catalog')
  })
})

function storedSummary(data: string): { head: number; bytes: Uint8Array } {
  const [name] = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.sqlite'))
  const database = new DatabaseSync(join(data, name ?? ''), { readOnly: true })
  const row = database.prepare('SELECT head, bytes FROM summary').get()
  database.close()
  return { head: Number(row?.head), bytes: row?.bytes as Uint8Array }
}
