/** Documents of many pieces: on their way to and from a relay, through a network that is cut, and beside others. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { createMemoryReplicaStore } from '../../client/replica/memory.ts'
import { PIECE_BYTES_TARGET } from '../../shared/limits.ts'
import { startNetworkProxy } from '../support/network-proxy.ts'
import { seeded } from '../support/random.ts'
import { isSynced, noise, readAtRelay, startClient, startRelayAt } from '../unit/client/support.ts'
import { startRelay, temporaryFolder, until } from '../unit/server/support.ts'

const CUTS = 30
/** Pieces of the large document, at least. */
const PIECES_MIN = 16
const PARAGRAPHS = 120
const PARAGRAPH = noise(40_000)
/** What is on its way after a cut, and comes again: a piece, and what is said before it. */
const AGAIN_BYTES = PIECE_BYTES_TARGET + 8_192

/** Writes a document of five megabytes that nothing makes much shorter, and lets the relay fold it. */
async function writeLarge(relay: Awaited<ReturnType<typeof startRelay>>, id = 'note'): Promise<string> {
  const author = await startClient(relay)
  const note = author.open(id)
  await note.whenLoaded
  for (let n = 0; n < PARAGRAPHS; n++) {
    note.type(`${n}: ${PARAGRAPH}`)
    if (n % 20 === 19) await note.saved('relay')
  }
  await note.saved('relay')
  const text = note.read()
  await author.workspace.close()
  // The relay makes pieces of it in the background.
  await until('the relay has folded all of it', () => piecesAt(relay) >= PIECES_MIN)
  return text
}

/** Pieces of checkpoints in the store of the workspace. */
function piecesAt({ data }: Awaited<ReturnType<typeof startRelay>>): number {
  const folder = join(data, 'workspaces')
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.sqlite'))
  if (file === undefined) return 0
  const database = new DatabaseSync(join(folder, file), { readOnly: true, timeout: 1_000 })
  const row = database.prepare('SELECT count(*) AS pieces FROM pieces').get()
  database.close()
  return Number(row?.pieces ?? 0)
}

describe('a large document', () => {
  test.each([1])(
    '[P3] goes on after a cut at any byte on its way to a reader (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const relay = await startRelay()
      const text = await writeLarge(relay)
      const proxy = await startNetworkProxy(Number(new URL(relay.url).port))
      proxy.cutAfter('down', 1 + random(2 * PIECE_BYTES_TARGET))
      const reader = await startClient({ ...relay, socketUrl: proxy.socketUrl })
      const note = reader.open()
      const told: number[] = []
      let count = 0
      note.status.subscribe(({ progress }) => {
        if (progress === undefined) return
        if (progress.pieces !== told.at(-1)) told.push(progress.pieces)
        count = progress.count
      })
      for (let cut = 1; cut <= CUTS; cut++) {
        await until(`cut ${cut} has come (seed ${seed})`, () => proxy.cuts === cut || note.read() === text, 20_000)
        if (note.read() === text) break
        proxy.cutAfter('down', 1 + random(2 * PIECE_BYTES_TARGET))
      }
      await until(`all of it is there (seed ${seed})`, () => note.read() === text, 20_000)
      expect(proxy.cuts).toBeGreaterThan(5)
      // Nothing that had come was sent again, and the app was told of it piece by piece.
      expect(count).toBeGreaterThan(15)
      expect(told, `seed ${seed}`).toEqual([...told].sort((a, b) => a - b))
      expect(new Set(told).size).toBe(told.length)
      expect(proxy.carried.down).toBeLessThan(text.length + (proxy.cuts + 1) * AGAIN_BYTES)
      await isSynced(reader)
      expect(note.status.get().progress).toBeUndefined()
      expect([relay.errors, reader.errors]).toEqual([[], []])
    },
    90_000,
  )

  test.each([3])(
    '[P3] goes on after a cut at any byte on its way to a relay that lost it (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const data = temporaryFolder()
      const relay = await startRelay({ data })
      const text = await writeLarge(relay)
      const storage = keptOpen(createMemoryReplicaStore({ durable: true }))
      const first = await startClient(relay, { storage })
      const copy = first.open()
      await copy.whenSynced
      expect(copy.read() === text).toBe(true)
      await relay.relay.close()
      rmSync(join(data, 'workspaces'), { recursive: true })
      const again = await startRelayAt(relay.url, { data: temporaryFolder() })
      const proxy = await startNetworkProxy(Number(new URL(relay.url).port))
      await first.workspace.close()
      proxy.cutAfter('up', 1 + random(2 * PIECE_BYTES_TARGET))
      const second = await startClient({ ...again, socketUrl: proxy.socketUrl }, { storage })
      for (let cut = 1; cut <= CUTS; cut++) {
        const begun = performance.now()
        await until(`cut ${cut} has come (seed ${seed})`, () => proxy.cuts === cut || performance.now() - begun > 1_500)
        // Nothing more is on its way.
        if (proxy.cuts < cut) break
        proxy.cutAfter('up', 1 + random(2 * PIECE_BYTES_TARGET))
      }
      proxy.cutAfter('up', Number.POSITIVE_INFINITY)
      await isSynced(second)
      expect((await readAtRelay(again)) === text, `seed ${seed}`).toBe(true)
      expect(proxy.cuts).toBeGreaterThan(5)
      expect(proxy.carried.up).toBeLessThan(text.length + (proxy.cuts + 1) * 2 * AGAIN_BYTES)
      expect([again.errors, second.errors]).toEqual([[], []])
    },
    90_000,
  )

  test('[P7] leaves room for others on the same socket: an edit is acknowledged while it comes', async () => {
    const relay = await startRelay()
    const text = await writeLarge(relay, 'large')
    const reader = await startClient(relay)
    const small = reader.open('small')
    const large = reader.open('large')
    await small.whenLoaded
    await until('the transfer is under way', () => (large.status.get().progress?.pieces ?? 0) > 0)
    small.type('meanwhile')
    await small.saved('relay')
    const { progress } = large.status.get()
    expect(progress?.pieces).toBeLessThan(progress?.count ?? 0)
    expect(large.read() === text).toBe(false)
    await until('all of it is there', () => large.read() === text)
    expect(reader.errors).toEqual([])
  }, 60_000)
})

/** A store that outlives the log that closes it. */
const keptOpen = <Store extends { close(): void }>(store: Store): Store => ({ ...store, close() {} })
