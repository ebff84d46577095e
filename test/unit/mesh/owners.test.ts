/** Whose names are is known at all relays: what one has seen somebody begin, another one holds others to. */
import { afterEach, expect, it } from 'vitest'
import * as Y from 'yjs'
import type { Refusal, Subscriber } from '../../../server/relay/commits.ts'
import type { Author } from '../../../server/relay/ownership.ts'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import { seal } from '../../../shared/update/seal.ts'
import { createRing, type MeshNode, type Ring } from './support.ts'

const rings: Ring[] = []

function createWorld(...args: Parameters<typeof createRing>): Ring {
  const made = createRing(...args)
  rings.push(made)
  return made
}

afterEach(() => {
  for (const each of rings.splice(0)) each.close()
})

const WHERE = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const ORIGIN = 'a'.repeat(16)

const person = (digit: string, replica?: string): Author => ({ owner: digit.repeat(16), replica, begins: () => true })

/** What somebody writes into a document, and the code with which it is refused. */
function write(node: MeshNode, author: Author, doc: Y.Doc, text: string): string | undefined {
  const refused: Refusal[] = []
  const from: Subscriber = { author, committed() {}, refused: (refusal) => void refused.push(refusal) }
  const before = Y.encodeStateVector(doc)
  doc.getText('text').insert(0, text)
  const bytes = Y.encodeStateAsUpdate(doc, before)
  node.workspace.submit(from, WHERE, { kind: 'yjs-v1', bytes }, 1)
  node.workspace.flush()
  return refused[0]?.code
}

/** As `write`, sealed under an origin as its nth record. */
function writeSealed(node: MeshNode, author: Author, origin: string, seq = 1, chain = CHAIN_START): string | undefined {
  const refused: Refusal[] = []
  const from: Subscriber = { author, committed() {}, refused: (refusal) => void refused.push(refusal) }
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'sealed')
  const record = seal(WHERE, { origin, seq, kind: 'yjs-v1', bytes: Y.encodeStateAsUpdate(doc) }, chain)
  for (const run of toEntries(WHERE, [record], 0).runs) node.workspace.accept(from, WHERE, run)
  node.workspace.flush()
  return refused[0]?.code
}

it('[P8] who begins a session or an origin at one relay owns it at the others, pushed or mended', async () => {
  const world = createWorld(3)
  const [a, b, c] = [world.node(0), world.node(1), world.node(2)]
  const [alice, mallory] = [person('1', ORIGIN), person('2')]
  const doc = new Y.Doc()
  c.down = true
  expect(write(a, alice, doc, 'hello')).toBeUndefined()
  expect(writeSealed(a, alice, ORIGIN)).toBeUndefined()
  const head = a.workspace.document('note')?.vector.get(ORIGIN)
  await world.until('b has it', () => b.workspace.document('note')?.vector.has(ORIGIN) === true)
  c.down = false
  void c.mesh.compare('relay1')
  await world.until('c has it', () => c.workspace.document('note')?.vector.has(ORIGIN) === true)
  await world.run(1_000)
  for (const node of [b, c]) {
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    copy.clientID = doc.clientID
    expect(write(node, mallory, copy, 'in her name')).toBe('foreign')
    expect(writeSealed(node, mallory, ORIGIN, 2, head?.chain)).toBe('foreign')
  }
  // It is hers there too.
  expect(write(c, alice, doc, 'on ')).toBeUndefined()
})

it('[P8] who begins a session at a relay whose clock was put back owns it at the others', async () => {
  const world = createWorld(2)
  const [a, b] = [world.node(0), world.node(1)]
  const doc = new Y.Doc()
  a.skewMs -= 3_600_000
  expect(write(a, person('1'), doc, 'hello')).toBeUndefined()
  await world.until('b has it', () => b.workspace.document('note') !== undefined)
  await world.run(1_000)
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.clientID = doc.clientID
  expect(write(b, person('2'), copy, 'in her name')).toBe('foreign')
})

it("[P10] claimed by two on both sides of a partition, a name is the same one's everywhere after", async () => {
  const world = createWorld(2)
  const [a, b] = [world.node(0), world.node(1)]
  const [alice, bob] = [person('1', ORIGIN), person('2', ORIGIN)]
  world.cut.add('relay0 relay1').add('relay1 relay0')
  expect(writeSealed(a, bob, ORIGIN)).toBeUndefined()
  expect(writeSealed(b, alice, ORIGIN)).toBeUndefined()
  await world.run(1_000)
  world.cut.clear()
  for (const node of world.nodes) for (const name of node.mesh.peers.keys()) void node.mesh.compare(name)
  await world.run(60_000)
  for (const node of world.nodes) {
    const head = node.workspace.document('note')?.vector.get(ORIGIN)
    // Its own origin is somebody else's: that is how bob learns that he needs another one.
    expect(writeSealed(node, bob, ORIGIN, (head?.seq ?? 0) + 1, head?.chain)).toBe('fork')
  }
})

it('[P7] who knows nobody is told nothing of owners, and a claim from the future lasts no longer', async () => {
  const world = createWorld(2)
  const [a, b] = [world.node(0), world.node(1)]
  world.write(a, 'note', 'hello')
  await world.until('b has it', () => b.workspace.document('note') !== undefined)
  expect(a.workspace.claims('note', 0)).toEqual([])
  const used = world.environment.now() + 1e12
  b.workspace.learn(WHERE, [{ name: 7, owner: '1'.repeat(16), used }])
  expect(b.workspace.claims('note', 0)[0]?.used).toBeLessThanOrEqual(world.environment.now())
})
