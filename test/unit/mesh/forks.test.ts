import { afterEach, describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import type { UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { areEqual, createRing, type MeshNode, type Ring, textAt } from './support.ts'

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

/** Somebody who seals under an origin, and of whom there may be copies. */
interface Author {
  origin: string
  records: UpdateRecord[]
  copy(): Author
  /** Types text into a Y.Doc of its own, as each start does, and hands all that is sealed to a relay. */
  write(node: MeshNode, text: string): void
}

function createAuthor(origin: string, records: UpdateRecord[] = []): Author {
  return {
    origin,
    records,
    copy: () => createAuthor(origin, [...records]),
    write(node, text) {
      const doc = new Y.Doc()
      doc.getText('text').insert(0, text)
      const last = records.at(-1)
      const unsealed = { origin, seq: records.length + 1, kind: 'yjs-v1', bytes: Y.encodeStateAsUpdate(doc) } as const
      records.push(seal(WHERE, unsealed, last?.chain ?? CHAIN_START))
      const from = { committed() {}, refused: (refusal: never) => void node.refusals.push(refusal) }
      for (const run of toEntries(WHERE, records, 0).runs) node.workspace.accept(from, WHERE, run)
      node.workspace.flush()
    },
  }
}

const wordsAt = (node: MeshNode): string[] =>
  textAt(node, 'note')
    .match(/[a-z]+\d*/g)
    ?.sort() ?? []

describe('one name with two histories at two relays', () => {
  for (const [what, mine, theirs] of [
    ['the longer one keeps the name', 2, 5],
    ['of two as long the one with the greater chain keeps it', 3, 3],
  ] as const) {
    it(`[P8] heals: ${what}, nothing is lost, and all relays agree`, async () => {
      const world = createWorld(3, mine)
      const [a, b] = [world.node(0), world.node(1)]
      const alice = createAuthor('a'.repeat(16))
      alice.write(a, 'common ')
      await world.until('all have it', () => world.nodes.every((node) => textAt(node, 'note') === 'common '))
      world.cut.add('relay0 relay1').add('relay1 relay0').add('relay2 relay1').add('relay1 relay2')
      const copy = alice.copy()
      for (let i = 0; i < mine; i++) alice.write(a, `left${i} `)
      for (let i = 0; i < theirs; i++) copy.write(b, `right${i} `)
      world.write(a, 'note', 'other ')
      await world.run(1_000)
      world.cut.clear()
      for (const { mesh } of world.nodes) for (const name of mesh.peers.keys()) mesh.resume(name)
      await world.until('all are equal', () => areEqual(world.nodes), 60_000)
      const all = ['common', 'other']
      for (let i = 0; i < mine; i++) all.push(`left${i}`)
      for (let i = 0; i < theirs; i++) all.push(`right${i}`)
      for (const node of world.nodes) expect(wordsAt(node)).toEqual(all.sort())
      const heads = [alice, copy].map(({ records }) => records.at(-1)).filter((head) => head !== undefined)
      const [kept] = heads.sort((x, y) => y.seq - x.seq || (x.chain < y.chain ? 1 : -1))
      for (const { workspace } of world.nodes) {
        expect(workspace.document('note')?.vector.get(alice.origin)).toEqual({ seq: kept?.seq, chain: kept?.chain })
      }
      // Who gave a branch up gives no receipt for its records any more.
      const lost = (mine < theirs || heads[0] === copy.records.at(-1) ? alice : copy).records.at(-1)
      const yielded = world.nodes.filter(({ workspace }) => workspace.hasYielded(WHERE, alice.origin))
      expect(yielded.length).toBeGreaterThan(0)
      const told: string[] = []
      const asked = new Map([[alice.origin, { seq: lost?.seq ?? 0, chain: lost?.chain ?? '' }]])
      const forget = yielded.map(({ name, mesh }) => mesh.confirm(WHERE, asked, 1, () => void told.push(name)))
      await world.run(2_000)
      expect(told).toEqual([])
      for (const each of forget) each()
      // And the wire is silent after.
      await world.run(20_000)
      const before = world.nodes.map(({ requests }) => requests)
      await world.run(60_000)
      expect(world.nodes.map(({ requests }) => requests)).toEqual(before)
    })
  }
})
