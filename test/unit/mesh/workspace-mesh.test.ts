import { afterEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Refusal } from '../../../server/relay/commits.ts'
import { refOf } from '../../../server/relay/documents.ts'
import { checkpointPieces } from '../../../server/relay/feeds.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { nextEpoch } from '../../../shared/epochs.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { areEqual, compareAll, createRing, haveSameVersions, type Ring, textAt } from './support.ts'

const rings: Ring[] = []

function createWorld(...args: Parameters<typeof createRing>): Ring {
  const made = createRing(...args)
  rings.push(made)
  return made
}

afterEach(() => {
  for (const each of rings.splice(0)) each.close()
})

describe('a workspace among relays', () => {
  it('[P11] sends what is accepted to every other relay, once and in one hop', async () => {
    const world = createWorld(4)
    world.write(world.node(0), 'note', 'hello')
    await world.until('all have it', () => world.nodes.every((node) => textAt(node, 'note') === 'hello'), 1_000)
    await world.run(60_000)
    expect(world.nodes.map(({ requests }) => requests)).toEqual([0, 1, 1, 1])
    expect(areEqual(world.nodes)).toBe(true)
  })

  it('[P10] hands over what an absent relay is owed, and only that', async () => {
    const world = createWorld(3)
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
    const doc = new Y.Doc()
    world.write(a, 'note', 'before ', doc)
    await world.until('c has it', () => textAt(c, 'note') === 'before ')
    c.down = true
    for (let i = 0; i < 100; i++) {
      world.write(a, `note ${i % 7}`, `${i} `)
      await world.run(30)
    }
    const { owedBytes, watermark } = a.mesh.peers.get('relay2') ?? {}
    expect(owedBytes).toBeGreaterThan(1_000)
    expect(watermark).toBe(1)
    expect(areEqual([a, b])).toBe(true)
    c.down = false
    const before = { a: a.requests, c: c.requests }
    a.mesh.resume('relay2')
    b.mesh.resume('relay2')
    await world.until('all are equal', () => haveSameVersions(world.nodes))
    expect(c.requests - before.c).toBe(1)
    expect(a.mesh.counters.rounds).toBe(0)
  })

  it('[P10] compares what passed the bound of what is owed', async () => {
    const world = createWorld(2, 1, {}, { hintBytesMax: 100_000 })
    const [a, b] = [world.node(0), world.node(1)]
    b.down = true
    for (let i = 0; i < 70; i++) {
      world.write(a, `note ${i}`, 'x'.repeat(2_000))
      await world.run(10)
    }
    expect(a.mesh.counters.hintsPurged).toBe(1)
    b.down = false
    a.mesh.resume('relay1')
    await world.until('both are equal', () => haveSameVersions(world.nodes))
    expect(a.mesh.counters.rounds).toBe(1)
  })

  it('[P10] two halves of a partition accept, and rejoin', async () => {
    const world = createWorld(4, 7)
    for (const a of [0, 1])
      for (const b of [2, 3])
        for (const [x, y] of [
          [a, b],
          [b, a],
        ])
          world.cut.add(`relay${x} relay${y}`)
    for (const node of world.nodes) for (let i = 0; i < 5; i++) world.write(node, 'note', `${node.name} `)
    for (const node of world.nodes) world.write(node, `of ${node.name}`, 'own')
    await world.run(10)
    await world.until(
      'each half is equal',
      () => haveSameVersions(world.nodes.slice(0, 2)) && haveSameVersions(world.nodes.slice(2)),
    )
    expect(areEqual(world.nodes)).toBe(false)
    world.cut.clear()
    for (const { mesh } of world.nodes) for (const name of mesh.peers.keys()) mesh.resume(name)
    await world.until('all are equal', () => haveSameVersions(world.nodes))
    expect(textAt(world.node(3), 'note').length).toBe(20 * 'relay0 '.length)
  })

  it('[P3] a record that builds on what came another way is mended, not refused', async () => {
    const world = createWorld(3)
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
    const doc = new Y.Doc()
    world.cut.add('relay0 relay2')
    world.write(a, 'note', 'first ', doc)
    await world.until('b has it', () => textAt(b, 'note') === 'first ')
    world.write(b, 'note', 'second', doc)
    await world.until('c has both', () => textAt(c, 'note') === 'first second')
    expect(areEqual(world.nodes)).toBe(true)
  })

  for (const seed of [1, 2, 3, 4, 5]) {
    it(`[P3] all agree although requests and answers are lost (seed ${seed})`, async () => {
      const world = createWorld(5, seed)
      world.loss = 0.2
      const docs = Array.from({ length: 15 }, () => new Y.Doc())
      for (let i = 0; i < 60; i++) {
        const n = i % 5
        world.write(world.node(n), `note ${i % 3}`, `${i} `, i % 2 === 0 ? docs[i % 15] : undefined)
        await world.run(20)
      }
      world.loss = 0
      await world.run(60_000)
      await compareAll(world)
      expect(areEqual(world.nodes)).toBe(true)
      expect(world.nodes.flatMap(({ refusals }) => refusals)).toEqual([])
    })
  }

  it('[P10] an emptied relay is filled', async () => {
    const world = createWorld(3)
    const doc = new Y.Doc()
    for (let i = 0; i < 600; i++)
      world.write(world.node(0), i % 2 === 0 ? 'large' : `note ${i}`, 'text ', i % 2 === 0 ? doc : undefined)
    await world.until('all are equal', () => textAt(world.node(2), 'note 599') !== '' && haveSameVersions(world.nodes))
    const { replica } = world.node(2).workspace
    world.node(2).restart(createMemoryStore())
    expect(world.node(2).workspace.replica).not.toBe(replica)
    await compareAll(world)
    expect(areEqual(world.nodes)).toBe(true)
  })

  it('[P10] a deletion reaches all relays, also one that wrote to the document meanwhile', async () => {
    const world = createWorld(3)
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
    world.write(a, 'note', 'content')
    await world.until('all have it', () => world.nodes.every((node) => textAt(node, 'note') === 'content'))
    world.cut.add('relay0 relay2').add('relay1 relay2')
    const epoch = nextEpoch(a.workspace.document('note')?.epoch ?? '', world.environment)
    a.workspace.bury({ committed() {}, refused() {} }, { document: 'note', epoch, gc: true })
    world.write(c, 'note', 'late')
    await world.until('a and b have it', () => b.workspace.document('note')?.epoch === epoch)
    world.cut.clear()
    for (const { mesh } of world.nodes) for (const name of mesh.peers.keys()) mesh.resume(name)
    await world.until('all are equal', () => haveSameVersions(world.nodes))
    expect(c.workspace.document('note')?.epoch).toBe(epoch)
    expect(textAt(c, 'note')).toBe('')
  })

  it('[P10] a checkpoint travels in pieces, in several answers', async () => {
    const world = createWorld(2, 3, { retainRecordsMax: 10 })
    const [a, b] = [world.node(0), world.node(1)]
    b.down = true
    const doc = new Y.Doc()
    const random = world.environment.randomBytes
    for (let i = 0; i < 400; i++) {
      world.write(a, 'large', Buffer.from(random(6_000)).toString('base64'), doc)
      await world.run(20)
      a.workspace.tick()
    }
    await world.run(120_000)
    a.workspace.tick()
    await world.run(60_000)
    expect(a.workspace.low()).toBeGreaterThan(0)
    b.down = false
    a.mesh.resume('relay1')
    await world.until('both are equal', () => haveSameVersions(world.nodes))
    expect(b.requests).toBeGreaterThan(4)
    expect(textAt(b, 'large')).toBe(doc.getText('text').toString())
  })

  it('[P11] a relay whose history is known no more gets what it lacks, and not all', async () => {
    const world = createWorld(2, 5, { retainRecordsMax: 10 })
    const [a, b] = [world.node(0), world.node(1)]
    const doc = new Y.Doc()
    const random = world.environment.randomBytes
    for (let i = 0; i < 60; i++) {
      world.write(a, 'large', Buffer.from(random(6_000)).toString('base64'), doc)
      await world.run(50)
    }
    await world.until('b has it', () => haveSameVersions(world.nodes))
    b.down = true
    for (let i = 0; i < 600; i++) {
      world.write(a, 'large', `${i} `, doc)
      await world.run(20)
    }
    await world.run(10_000)
    a.workspace.maintain()
    await world.run(10_000)
    const [origin = ''] = a.workspace.document('large')?.vector.keys() ?? []
    expect(a.workspace.chain({ document: 'large', epoch: FIRST_EPOCH, gc: true }, origin, 60)).toBeUndefined()
    b.down = false
    const before = b.bytes
    a.mesh.resume('relay1')
    await world.until('both are equal', () => areEqual(world.nodes))
    expect(b.bytes - before).toBeLessThan(20_000)
    expect([a.mesh.counters.yields, b.mesh.counters.yields]).toEqual([0, 0])
  })

  it('[P11][P2] a restart forgets what peers hold, and costs one comparison with each: nothing is sent again', async () => {
    const world = createWorld(3)
    const a = world.node(0)
    for (let i = 0; i < 300; i++) world.write(a, `note ${i}`, 'text '.repeat(20))
    world.write(a, 'last', 'hello')
    await world.until('all have it', () => textAt(world.node(2), 'last') === 'hello' && haveSameVersions(world.nodes))
    await world.run(5_000)
    const before = world.nodes.map(({ requests, bytes }) => ({ requests, bytes }))
    a.restart()
    const compared = [...a.mesh.peers.keys()].map((name) => a.mesh.compare(name))
    let done = false
    void Promise.all(compared).then(() => {
      done = true
    })
    await world.until('both are compared', () => done)
    for (const [i, { requests, bytes }] of before.entries()) {
      if (i === 0) continue
      expect(world.node(i).requests - requests).toBeLessThanOrEqual(2)
      expect(world.node(i).bytes - bytes).toBeLessThan(300)
    }
    expect(a.mesh.counters).toMatchObject({ rounds: 2, pushes: 0, repairs: 0 })
    const stored = a.workspace.document('last')
    if (stored === undefined) throw new Error('the note is not there')
    let told = false
    a.mesh.confirm(stored, stored.vector, 3, () => {
      told = true
    })
    await world.until('the receipt of three relays is there', () => told, 10_000)
    world.write(a, 'last', ' again')
    await world.until('what is new goes on', () => textAt(world.node(1), 'last').includes('again'), 1_000)
  })

  it("[P9] a transfer that comes again is in nobody else's way", async () => {
    const world = createWorld(3, 3, { retainRecordsMax: 10 })
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
    const doc = new Y.Doc()
    b.down = true
    for (let i = 0; i < 100; i++) {
      world.write(a, 'large', Buffer.from(world.environment.randomBytes(6_000)).toString('base64'), doc)
      await world.run(50)
    }
    await world.until('c has it', () => haveSameVersions([a, c]))
    const stored = a.workspace.document('large')
    const checkpoint = stored && a.workspace.checkpoint(stored)
    if (stored === undefined || checkpoint === undefined) throw new Error('there is no checkpoint')
    expect(checkpoint.pieces).toBeGreaterThan(1)
    const from = { committed() {}, refused: (refusal: Refusal) => void b.refusals.push(refusal) }
    const pieces = [...checkpointPieces(a.workspace, refOf(stored), checkpoint, 0, {})]
    for (const piece of [...pieces, ...pieces]) b.workspace.restore(from, piece, 'a'.repeat(16))
    b.workspace.flush()
    expect(b.workspace.partial(stored)).toBeUndefined()
    const other = pieces.map((piece) => ({ ...piece, id: 'e'.repeat(16) }))
    for (const piece of other) b.workspace.restore(from, piece, 'c'.repeat(16))
    b.workspace.flush()
    expect(b.refusals).toEqual([])
  })

  it('[P9] damage, garbage and false identities are refused, counted, and harm nobody', async () => {
    const world = createWorld(3)
    const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
    world.bend = (bytes, from) => {
      if (from !== 'relay2') return bytes
      const bent = bytes.slice()
      bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1
      return bent
    }
    world.write(a, 'note', 'a ')
    world.write(c, 'note', 'c ')
    await world.until('a and b are equal', () => haveSameVersions([a, b]) && textAt(a, 'note') === 'a ')
    for (const garbage of [new Uint8Array(0), new Uint8Array(100), world.environment.randomBytes(3_000)])
      a.mesh.answer(garbage)
    expect(a.mesh.counters.refused).toBeGreaterThan(2)
    // A copy of a's folder, started as another relay.
    world.bend = undefined
    b.restart(a.store)
    const refused = a.mesh.counters.refused
    world.write(b, 'note', 'copy ')
    await world.run(5_000)
    expect(a.mesh.counters.refused).toBeGreaterThan(refused)
    expect(b.errors.map(String).join()).toContain('somebody claims to be the replica that is here')
  })

  it('[P2] tells when records are at as many relays as asked, and not before', async () => {
    const world = createWorld(3)
    const a = world.node(0)
    world.cut.add('relay0 relay1').add('relay0 relay2')
    world.write(a, 'note', 'hello')
    await world.run(10)
    const stored = a.workspace.document('note')
    if (stored === undefined) throw new Error('the note is not there')
    const told: number[] = []
    for (const relays of [1, 2, 3, 4]) a.mesh.confirm(stored, stored.vector, relays, () => void told.push(relays))
    expect(told).toEqual([1])
    await world.run(30_000)
    expect(told).toEqual([1])
    world.cut.delete('relay0 relay1')
    a.mesh.resume('relay1')
    await world.until('two relays have it', () => told.length === 2)
    expect(textAt(world.node(1), 'note')).toBe('hello')
    world.cut.clear()
    a.mesh.resume('relay2')
    await world.until('three relays have it', () => told.length === 3)
    await world.run(120_000)
    expect(told).toEqual([1, 2, 3])
  })

  it('[P2] does not count a relay that lost its store, nor one with another history', async () => {
    const world = createWorld(2)
    const [a, b] = [world.node(0), world.node(1)]
    const old = createMemoryStore(world.environment)
    b.restart(old)
    world.write(a, 'note', 'hello')
    await world.until('both have it', () => textAt(b, 'note') === 'hello')
    b.restart(createMemoryStore())
    world.cut.add('relay0 relay1').add('relay1 relay0')
    const stored = a.workspace.document('note')
    if (stored === undefined) throw new Error('the note is not there')
    const wrong = new Map([...stored.vector].map(([origin, { seq }]) => [origin, { seq, chain: 'f'.repeat(16) }]))
    const told: string[] = []
    a.mesh.confirm(stored, wrong, 1, () => void told.push('wrong'))
    await world.run(10_000)
    expect(told).toEqual([])
  })

  it('[P10] reading mends: what one relay lacks comes when somebody opens it there, with the harvest', async () => {
    const world = createWorld(3)
    const [a, b] = [world.node(0), world.node(1)]
    world.cut.add('relay0 relay1').add('relay0 relay2')
    world.write(a, 'note', 'hello')
    await world.run(100)
    world.cut.clear()
    let harvest = {}
    void b.mesh.readRepair('note').then((found) => {
      harvest = found
    })
    await world.until('b has it', () => textAt(b, 'note') === 'hello')
    await world.run(2_000)
    expect(harvest).toEqual({ answered: 3, all: 3 })
    world.node(2).down = true
    void a.mesh.readRepair('note').then((found) => {
      harvest = found
    })
    await world.run(2_000)
    expect(harvest).toEqual({ answered: 2, all: 3 })
  })
})
