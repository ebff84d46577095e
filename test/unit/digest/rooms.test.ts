/** The digest of a workspace at a relay against the documents of a client, as connections run it. */
import { describe, expect, it } from 'vitest'
import { createDigesting } from '../../../client/connection/digesting.ts'
import type { HeldDocument } from '../../../client/replica/update-log.ts'
import { createWorkspaceDigest, type WorkspaceDigest } from '../../../server/relay/digests.ts'
import type { CommitBatch } from '../../../server/storage/store.ts'
import { documentVersion } from '../../../shared/digest/version.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { type Chance, createChance } from './fixtures.ts'

interface Held {
  document: string
  epoch: string
  gc: boolean
  vector: Map<string, { seq: number; chain: string }>
  bytes: number
}

const ORIGIN = 'aaaaaaaaaaaaaaaa'
const heldOf = (n: number, seq: number, epoch = FIRST_EPOCH): Held => ({
  document: `doc ${n}`,
  epoch,
  gc: true,
  vector: new Map([[ORIGIN, { seq, chain: seq.toString(16).padStart(16, '0') }]]),
  bytes: 1,
})

function createSource(count: number) {
  const documents = new Map(Array.from({ length: count }, (_, i) => [`doc ${i}`, heldOf(i, 1)]))
  let reads = 0
  let summary: { head: number; bytes: Uint8Array } | undefined
  return {
    documents,
    get reads() {
      return reads
    },
    keep: (bytes: Uint8Array) => {
      summary = { head: 7, bytes }
    },
    get kept() {
      return summary
    },
    source: {
      head: () => 7,
      *documents() {
        for (const document of documents.values()) {
          reads++
          yield document
        }
      },
      summary: () => summary,
      commit(batch: CommitBatch) {
        summary = batch.summary ?? summary
      },
    },
  }
}

const fail = (error: unknown): void => {
  throw error
}

/** Runs a session; `between` is called after each message of the relay. */
async function differing(digest: WorkspaceDigest, documents: Iterable<Held>, chance: Chance, between = () => {}) {
  const held: HeldDocument[] = [...documents].map(({ vector, ...ref }) => ({ ref, vector, unacknowledged: 0 }))
  const environment = { now: () => 0, randomBytes: chance.bytes, setTimer: () => () => {} }
  const client = createDigesting({ documents: async () => held }, environment)
  const relay = digest.respond()
  let found: ReadonlySet<string> | undefined
  let bytes = 0
  const queue = relay.start().map((message) => ({ message, toClient: true }))
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    bytes += next.message.length
    between()
    const answer = next.toClient ? await client.receive(next.message) : relay.receive(next.message)
    for (const message of answer.send) queue.push({ message, toClient: !next.toClient })
    if (next.toClient) found ??= answer.differing
  }
  relay.over()
  return { found: [...(found ?? ['the session did not end'])].sort(), bytes }
}

describe('the digest of a workspace', () => {
  it('[P11] says in 400 bytes that nothing differs, and reads the documents once for all sessions', async () => {
    const kept = createSource(5_000)
    const chance = createChance(1)
    const digest = createWorkspaceDigest(kept.source, chance.bytes, fail)
    for (let session = 0; session < 3; session++) {
      const { found, bytes } = await differing(digest, kept.documents.values(), chance)
      expect(found).toEqual([])
      expect(bytes).toBeLessThanOrEqual(400)
    }
    expect(kept.reads).toBe(5_000)
  })

  it('[P1] finds what was changed, made and deleted on either side', async () => {
    const chance = createChance(2)
    const { documents, source } = createSource(2_000)
    const digest = createWorkspaceDigest(source, chance.bytes, fail)
    const theirs = new Map([...documents].map(([id, held]) => [id, { ...held }]))
    theirs.set('doc 7', heldOf(7, 2))
    theirs.set('doc 9', heldOf(9, 1, '00000001aaaaaaaaaaaaaaaa'))
    theirs.set('doc 2000', heldOf(2000, 1))
    theirs.delete('doc 5')
    expect((await differing(digest, theirs.values(), chance)).found).toEqual(['doc 2000', 'doc 5', 'doc 7', 'doc 9'])
  })

  it('[P3] compares what was durable when the session began, whatever changes meanwhile', async () => {
    const chance = createChance(3)
    const { documents, source } = createSource(3_000)
    const digest = createWorkspaceDigest(source, chance.bytes, fail)
    const theirs = [...documents.values()].slice(0, 2_000)
    let next = 0
    const change = () => {
      const before = documents.get(`doc ${next}`) as Held
      const after = heldOf(next++, 5)
      documents.set(after.document, after)
      digest.changed(
        after.document,
        documentVersion(before.epoch, before.vector),
        documentVersion(after.epoch, after.vector),
      )
    }
    const { found } = await differing(digest, theirs, chance, change)
    expect(found).toHaveLength(1_000)
    expect(found.every((id) => Number(id.slice(4)) >= 2_000)).toBe(true)
    expect(next).toBeGreaterThan(1)
    // And the next session sees it.
    const again = await differing(digest, [...documents.values()].slice(next), chance)
    expect(again.found).toHaveLength(next)
  })

  it('[P11] is kept from one start to the next, and made anew where it is not that of the log', async () => {
    const chance = createChance(4)
    const kept = createSource(1_000)
    const first = createWorkspaceDigest(kept.source, chance.bytes, fail)
    first.keep(0)
    expect(kept.kept).toBeUndefined()
    await differing(first, kept.documents.values(), chance)
    first.keep(1)
    expect(kept.kept).toBeUndefined()
    first.keep(0)
    const before = kept.kept
    expect(before?.head).toBe(7)
    first.keep(0)
    expect(kept.kept).toBe(before)
    const reads = kept.reads
    const second = createWorkspaceDigest(kept.source, chance.bytes, fail)
    expect((await differing(second, kept.documents.values(), chance)).found).toEqual([])
    expect(kept.reads).toBe(reads)
    const later = createWorkspaceDigest({ ...kept.source, head: () => 8 }, chance.bytes, fail)
    expect((await differing(later, kept.documents.values(), chance)).found).toEqual([])
    expect(kept.reads).toBe(reads + 1_000)
  })

  it('[P5][P9] a damaged summary is reported and made anew', async () => {
    const chance = createChance(5)
    const kept = createSource(100)
    kept.keep(Uint8Array.of(1, 2, 3))
    const problems: unknown[] = []
    const digest = createWorkspaceDigest(kept.source, chance.bytes, (problem) => problems.push(problem))
    expect((await differing(digest, kept.documents.values(), chance)).found).toEqual([])
    expect(problems).toHaveLength(1)
  })
})
