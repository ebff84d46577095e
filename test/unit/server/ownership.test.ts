/** Who may write in whose name: what is refused, and that honest merges are not. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { mintToken } from '../../../server/auth/tokens.ts'
import { OWNED_MS } from '../../../server/relay/limits.ts'
import { compactUpdates } from '../../../shared/update/compact.ts'
import { createOwnStore } from '../../support/stores.ts'
import { allRead, isSynced, startClient, startRelayAt } from '../client/support.ts'
import { ALICE, answers, BOB, codes, enter, guarded, piece, sealer, submitted, writer } from './guarded.ts'
import { startRelay, temporaryFolder } from './support.ts'

describe('in the name of another', () => {
  test('[P8] nobody writes the next clocks of a session, and its own edit is taken', async () => {
    const bench = guarded()
    const [alice, mallory] = [await enter(bench, 'alice', ALICE), await enter(bench, 'mallory', BOB)]
    const [a, forger] = [writer(11), writer(11)]
    const [sealA, sealM] = [sealer(ALICE), sealer(BOB)]
    const first = a.type('hello')
    expect(answers(bench, alice, [sealA(first)])).toEqual(['ack'])
    forger.read(first)
    const forged = forger.type(' EVIL')
    expect(answers(bench, mallory, [sealM(forged)])).toEqual(['foreign'])
    expect(submitted(bench, mallory, forged)).toEqual(['foreign'])
    expect(answers(bench, alice, [sealA(a.type(' world'))])).toEqual(['ack'])
  })

  test('[P8] nobody gives a clock that is known another content, whoever it is', async () => {
    const bench = guarded()
    const [alice, mallory] = [await enter(bench, 'alice', ALICE), await enter(bench, 'mallory', BOB)]
    const [a, other, m] = [writer(11), writer(11), writer(22)]
    const [sealA, sealM] = [sealer(ALICE), sealer(BOB)]
    expect(answers(bench, alice, [sealA(a.type('AAAA'))])).toEqual(['ack'])
    const same = Y.mergeUpdates([other.type('BBBB'), m.type('and something of mine')])
    expect(answers(bench, mallory, [sealM(same)])).toEqual(['invalid-update'])
    expect(submitted(bench, mallory, same)).toEqual(['invalid-update'])
    mallory.forget()
    mallory.send(piece(same, { [BOB]: [1, '0'.repeat(16)] }))
    bench.commit()
    expect(codes(mallory)).toEqual(['invalid-update'])
    expect(answers(bench, alice, [sealA(Y.mergeUpdates([other.all(), writer(12).type('x')]))])).toEqual([
      'invalid-update',
    ])
  })

  test('[P8] nobody extends the dots of an origin that is somebody else’s', async () => {
    const bench = guarded()
    const [alice, mallory] = [await enter(bench, 'alice', ALICE), await enter(bench, 'mallory', BOB)]
    const sealA = sealer(ALICE)
    const mine = sealA(writer(11).type('mine'))
    expect(answers(bench, alice, [mine])).toEqual(['ack'])
    const next = sealer(ALICE, mine)
    expect(answers(bench, mallory, [next(writer(22).type('in your name'))])).toEqual(['foreign'])
    mallory.forget()
    mallory.send(piece(writer(22).type('x'), { [ALICE]: [10, '0'.repeat(16)] }))
    bench.commit()
    expect(codes(mallory)).toEqual(['foreign'])
    // And where the origin is nobody's yet, more records than there are clocks are none.
    const unknown = 'c'.repeat(16)
    mallory.forget()
    mallory.send(piece(writer(22).type('x'), { [unknown]: [10 ** 9, '0'.repeat(16)] }))
    bench.commit()
    expect(codes(mallory)).toEqual(['invalid-update'])
    expect(answers(bench, alice, [sealA(writer(12).type('again'))])).toEqual(['ack'])
  })

  test('[P8] who says hello as somebody else’s replica gets its own edits under another name', async () => {
    const bench = guarded()
    const alice = await enter(bench, 'alice', ALICE)
    const sealA = sealer(ALICE)
    const first = sealA(writer(11).type('mine'))
    expect(answers(bench, alice, [first])).toEqual(['ack'])
    const mallory = await enter(bench, 'mallory', ALICE)
    expect(answers(bench, mallory, [sealer(ALICE, first)(writer(22).type('x'))])).toEqual(['fork'])
  })

  test('[P7] nobody begins sessions without end', async () => {
    const bench = guarded()
    const mallory = await enter(bench, 'mallory', BOB)
    const sealM = sealer(BOB)
    const records = Array.from({ length: 4_100 }, (_, i) => sealM(writer(1_000 + i).type('x')))
    const told = []
    for (let at = 0; at < records.length; at += 100) told.push(...answers(bench, mallory, records.slice(at, at + 100)))
    expect(told).toContain('overloaded')
  })
})

describe('honest merges', () => {
  test('[P3] of what is known: split, joined, collected, with tombstones', async () => {
    const bench = guarded()
    const [alice, bob] = [await enter(bench, 'alice', ALICE), await enter(bench, 'bob', BOB)]
    const [a, b] = [writer(11), writer(22)]
    const sealA = sealer(ALICE)
    const updates = [a.type('one '), a.type('two '), a.type('three ', 2), a.erase(1, 5), a.type('\u{1f389}four')]
    expect(
      answers(
        bench,
        alice,
        updates.map((update) => sealA(update)),
      ),
    ).toEqual(['ack'])
    const sealB = sealer(BOB)
    for (const all of [
      a.all(),
      Y.mergeUpdates(updates),
      compactUpdates(updates, { gc: true }),
      compactUpdates(updates, { gc: false }),
      Y.mergeUpdates(updates.slice(0, 3)),
    ]) {
      b.read(all)
      const mine = b.type('and I')
      expect(answers(bench, bob, [sealB(Y.mergeUpdates([all, mine]))])).toEqual(['ack'])
    }
  })

  test('[P2] a document that the relay lost is brought back by whoever has it, and its writers go on', async () => {
    const bench = guarded()
    const bob = await enter(bench, 'bob', BOB)
    const [a, b] = [writer(11), writer(22)]
    const sealA = sealer(ALICE)
    const lost = [a.type('one '), a.type('two ')].map((update) => sealA(update))
    expect(new Set(answers(bench, bob, lost))).toEqual(new Set(['ack']))
    for (const { bytes } of lost) b.read(bytes)
    expect(answers(bench, bob, [sealer(BOB)(b.type('three '))])).toEqual(['ack'])
    const alice = await enter(bench, 'alice', ALICE)
    expect(answers(bench, alice, [sealA(a.type('four '))])).toEqual(['ack'])
  })

  test('[P2] whatever nobody sent for a week anybody may send', async () => {
    const bench = guarded()
    const [alice, bob] = [await enter(bench, 'alice', ALICE), await enter(bench, 'bob', BOB)]
    const a = writer(11)
    const sealA = sealer(ALICE)
    expect(answers(bench, alice, [sealA(a.type('one '))])).toEqual(['ack'])
    const next = sealA(a.type('two '))
    expect(answers(bench, bob, [next])).toEqual(['foreign'])
    bench.jump(OWNED_MS + 1)
    const again = await enter(bench, 'bob', BOB)
    expect(answers(bench, again, [next])).toEqual(['ack'])
  })

  test('[P1] relays and admins bring what is whose it may be', async () => {
    const bench = guarded()
    const [alice, relay] = [await enter(bench, 'alice', ALICE), await enter(bench, 'admin', BOB)]
    const a = writer(11)
    const sealA = sealer(ALICE)
    expect(answers(bench, alice, [sealA(a.type('one '))])).toEqual(['ack'])
    expect(answers(bench, relay, [sealA(a.type('two '))])).toEqual(['ack'])
    expect(answers(bench, alice, [sealA(a.type('three '))])).toEqual(['ack'])
  })

  test('[P2] an old document that two bring in, of which each has more than the other', async () => {
    const bench = guarded()
    const [alice, bob] = [await enter(bench, 'alice', ALICE), await enter(bench, 'bob', BOB)]
    const old = Array.from({ length: 12 }, (_, i) => writer(100 + i))
    const shared = Y.mergeUpdates(old.map((each) => each.type('x')))
    const [hers, his] = [old[0]?.type('y'), old[1]?.type('z')]
    if (hers === undefined || his === undefined) throw new Error('nobody')
    expect(answers(bench, alice, [sealer(ALICE)(Y.mergeUpdates([shared, hers]))])).toEqual(['ack'])
    expect(answers(bench, bob, [sealer(BOB)(Y.mergeUpdates([shared, his]))])).toEqual(['ack'])
  })

  test('[P2] is known after a restart', async () => {
    const data = temporaryFolder()
    const auth = { secret: 'a secret of thirty-two bytes, or of more' }
    const token = (subject: string) => () =>
      mintToken(auth.secret, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 600_000 })
    const relay = await startRelay({ data, auth })
    const [storeA, storeB] = [createOwnStore(), createOwnStore()]
    const alice = await startClient(relay, { token: token('alice'), storage: storeA })
    const bob = await startClient(relay, { token: token('bob'), storage: storeB })
    const [a, b] = [alice.open(), bob.open()]
    a.type('one ')
    b.type('two ')
    await Promise.all([a.saved('relay'), b.saved('relay')])
    await relay.relay.close()
    const again = await startRelayAt(relay.url, { data, auth })
    a.type('three ')
    b.type('four ')
    await Promise.all([a.saved('relay'), b.saved('relay')])
    await allRead([a, b])
    await isSynced(alice, bob)
    expect([...alice.errors, ...bob.errors, ...alice.forks, ...bob.forks, ...again.errors]).toEqual([])
  })
})
