import { evictDurableObject } from 'cloudflare:test'
import { describe, expect, test } from 'vitest'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { seal } from '../../../shared/update/seal.ts'
import { connect, NOTE, objectOf, typist } from './support.ts'

const ALICE = 'a'.repeat(16)
const BOB = 'b'.repeat(16)
const DOCUMENTS = 5_000
const AT_ONCE = 500

describe(`a workspace of ${DOCUMENTS} documents`, () => {
  test('[P11] costs who comes back with its place less than 64 bytes, also where the object has slept or ended', async () => {
    const alice = await connect('many', ALICE)
    const { epoch: first } = await alice.next('welcome')
    const { bytes } = typist(ALICE)()
    for (let from = 0; from < DOCUMENTS; from += AT_ONCE) {
      for (let i = from; i < from + AT_ONCE; i++) {
        const where = { ...NOTE, document: `notes/${i}` }
        alice.entries(where, [seal(where, { origin: ALICE, seq: 1, kind: 'yjs-v1', bytes }, CHAIN_START)])
      }
      for (let i = from; i < from + AT_ONCE; i++) await alice.next('ack')
    }
    const epoch = alice.received.findLast((message) => message.type === 'epoch')?.epoch ?? first
    for (const webSockets of ['hibernate', 'close'] as const) {
      await evictDurableObject(objectOf('many'), { webSockets })
      const bob = await connect('many', BOB, { place: { epoch, offset: DOCUMENTS } })
      expect(await bob.next('welcome')).toMatchObject({ resumed: true, head: DOCUMENTS })
      bob.send({ type: 'vector', ...NOTE, document: 'notes/0', vector: new Map(), reply: true })
      await bob.next('vector')
      // The welcome is all that came before the answer that was asked for.
      expect(bob.received.map(({ type }) => type)).toEqual(['welcome', 'entries', 'vector'])
      expect(bob.bytesBefore('entries')).toBeLessThan(64)
      bob.close()
    }
  })

  test('[P11] costs who comes without one a digest, not a list', async () => {
    const bob = await connect('many', BOB)
    await bob.next('welcome')
    await bob.next('digest')
    expect(bob.bytesBefore('entries')).toBeLessThan(10_000)
    bob.close()
  })
})
