/** Unmodified y-websocket clients and Rejoin clients in one document: equal for all, whoever they are. */
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { isSynced, type Note, startClient } from '../client/support.ts'
import { type RunningRelay, type StockClient, startRelay, stockClient, synced, until } from '../server/support.ts'
import { createChance } from '../update/histories.ts'

type Anyone = Note | StockClient

const join = (relay: RunningRelay, room = 'note') => stockClient(`${relay.socketUrl}/y/acme`, room)

/** The whole of a document, with what was deleted, in one text. */
function stateOf({ doc }: Anyone): string {
  const { structs, ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc))
  const clients = new Map<number, number>()
  for (const { id, length } of structs) clients.set(id.client, Math.max(clients.get(id.client) ?? 0, id.clock + length))
  const deleted = [...ds.clients].map(([client, those]) => [client, those.reduce((sum, { len }) => sum + len, 0)])
  return JSON.stringify([
    doc.getText('text').toDelta(),
    [...doc.getMap('map').entries()].sort(),
    [...clients].sort(),
    deleted.sort(),
  ])
}

/** Waits until all hold the same, deletions included. */
async function allEqual(everybody: readonly Anyone[]): Promise<string> {
  const states = () => everybody.map(stateOf)
  await until('all are equal', () => new Set(states()).size === 1).catch((error) => {
    throw new Error(`${error.message}: ${states().join('\n').slice(0, 2_000)}`)
  })
  return everybody[0]?.doc.getText('text').toString() ?? ''
}

describe('two stock clients and one Rejoin client', () => {
  test.each(['memory', undefined] as const)('[P1] read what each of them types (storage: %s)', async (storage) => {
    const relay = await startRelay()
    const [alice, bob] = [join(relay), join(relay)]
    const client = await startClient(relay, storage && { storage })
    const carol = client.open()
    const everybody = [alice, bob, carol]
    await Promise.all([synced(alice), synced(bob), carol.whenSynced])
    alice.type('alice ')
    await allEqual(everybody)
    carol.type('carol ')
    await allEqual(everybody)
    bob.type('bob ')
    expect(await allEqual(everybody)).toBe('alice carol bob ')
    carol.text.delete(0, 6)
    expect(await allEqual(everybody)).toBe('carol bob ')
    alice.text.delete(0, 6)
    expect(await allEqual(everybody)).toBe('bob ')
    await isSynced(client)
    const late = [join(relay), (await startClient(relay)).open()]
    expect(await allEqual([...everybody, ...late])).toBe('bob ')
    expect([...client.errors, ...relay.errors]).toEqual([])
  })

  test.each([1, 2, 3])(
    '[P1][P3] at once, with text, formats, maps, deletions and lost connections (seed %i)',
    async (seed) => {
      const chance = createChance(seed)
      const relay = await startRelay()
      const [alice, bob] = [join(relay), join(relay)]
      const client = await startClient(relay)
      const carol = client.open()
      const everybody: Anyone[] = [alice, bob, carol]
      await Promise.all([synced(alice), synced(bob), carol.whenSynced])
      for (let i = 0; i < 150; i++) {
        const one = chance.one(everybody)
        const { text } = one
        const at = chance.below(text.length + 1)
        const step = chance.below(12)
        if (step < 5) text.insert(at, chance.one(['a', 'bc', '🎉', 'déf', '\n']))
        else if (step < 8) text.delete(at, Math.min(chance.below(4), text.length - at))
        else if (step === 8) one.doc.getMap('map').set(chance.one(['x', 'y']), i)
        else if (step === 9 && one !== carol) (one as StockClient).provider.disconnect()
        else if (step === 9) client.network.cut()
        else if (step === 10 && one !== carol) (one as StockClient).provider.connect()
        else if (step === 10) client.network.mend()
        else await new Promise(setImmediate)
      }
      for (const { provider } of [alice, bob]) provider.connect()
      client.network.mend()
      await allEqual(everybody)
      const fresh = (await startClient(relay, { storage: 'memory' })).open()
      await allEqual([...everybody, fresh, join(relay)])
      expect([...client.errors, ...relay.errors]).toEqual([])
    },
  )

  test('[P1] deletions alone are mended, both ways, also where they were made offline', async () => {
    const relay = await startRelay()
    const alice = join(relay)
    const client = await startClient(relay)
    const carol = client.open()
    const everybody = [alice, carol]
    await Promise.all([synced(alice), carol.whenSynced])
    alice.type('abcdefgh')
    await allEqual(everybody)
    await carol.saved('relay')

    // State vectors are equal in all that follows: only deletions differ.
    alice.provider.disconnect()
    alice.text.delete(0, 1)
    alice.provider.connect()
    expect(await allEqual(everybody)).toBe('bcdefgh')

    client.network.cut()
    carol.text.delete(0, 1)
    client.network.mend()
    expect(await allEqual(everybody)).toBe('cdefgh')

    alice.provider.disconnect()
    client.network.cut()
    alice.text.delete(0, 1)
    carol.text.delete(carol.text.length - 1, 1)
    client.network.mend()
    alice.provider.connect()
    expect(await allEqual(everybody)).toBe('defg')

    // A replica that has never seen what was deleted ends equal too.
    const late = (await startClient(relay, { storage: 'memory' })).open()
    expect(await allEqual([...everybody, late, join(relay)])).toBe('defg')
    await carol.saved('relay')
  })

  test('[P11] reconnects of stock clients, which resend all deletions, reach no Rejoin client', async () => {
    const relay = await startRelay()
    const alice = join(relay)
    alice.provider.awareness.setLocalState(null)
    const client = await startClient(relay)
    const carol = client.open()
    await Promise.all([synced(alice), carol.whenSynced])
    for (let i = 0; i < 50; i++) {
      alice.type('some words ')
      alice.text.delete(i % 5, 3)
    }
    await allEqual([alice, carol])
    await isSynced(client)
    client.network.resetCounts()
    for (let times = 0; times < 10; times++) {
      alice.provider.disconnect()
      alice.provider.connect()
      await synced(alice)
    }
    // Something that does reach it, after all that.
    alice.type('.')
    await allEqual([alice, carol])
    expect(client.network.receivedBytes).toBeLessThan(100)
  })

  test('[P2] what a stock client typed is kept by a Rejoin client, and given to a relay that lost it', async () => {
    const relay = await startRelay()
    const alice = join(relay, 'a room/with spaces')
    const client = await startClient(relay)
    await synced(alice)
    alice.type('kept')
    await until('it has come', () => client.workspace.documents.get().includes('a room/with spaces'))
    await isSynced(client)
    client.network.cut()
    const note = client.open('a room/with spaces')
    await note.whenLoaded
    expect(note.read()).toBe('kept')
  })
})

describe('awareness', () => {
  const names = (one: Anyone): string =>
    [...('provider' in one ? one.provider.awareness : one.awareness).getStates().values()]
      .map(({ name }) => name)
      .sort()
      .join()

  const show = (one: Anyone, name: string): void =>
    ('provider' in one ? one.provider.awareness : one.awareness).setLocalStateField('name', name)

  const allSee = async (everybody: readonly Anyone[], expected: string) => {
    for (const one of everybody) {
      await until(`all see ${expected}`, () => names(one) === expected).catch((error) => {
        throw new Error(`${error.message}, one sees: ${names(one)}`)
      })
    }
  }

  test('crosses between both kinds, for who comes late and when somebody leaves', async () => {
    const relay = await startRelay()
    const alice = join(relay)
    const client = await startClient(relay)
    const carol = client.open()
    show(alice, 'alice')
    show(carol, 'carol')
    await allSee([alice, carol], 'alice,carol')
    const bob = join(relay)
    show(bob, 'bob')
    const dave = (await startClient(relay, { storage: 'memory' })).open()
    show(dave, 'dave')
    await allSee([alice, bob, carol, dave], 'alice,bob,carol,dave')
    show(carol, 'carol!')
    show(alice, 'alice!')
    await allSee([alice, bob, carol, dave], 'alice!,bob,carol!,dave')
    bob.leave()
    await allSee([alice, carol, dave], 'alice!,carol!,dave')
    carol.close()
    await allSee([alice, dave], 'alice!,dave')
  })

  test('comes back after either side has reconnected', async () => {
    const relay = await startRelay()
    const alice = join(relay)
    const client = await startClient(relay)
    const carol = client.open()
    show(alice, 'alice')
    show(carol, 'carol')
    await allSee([alice, carol], 'alice,carol')
    client.network.cut()
    await allSee([alice], 'alice')
    client.network.mend()
    await allSee([alice, carol], 'alice,carol')
    alice.provider.disconnect()
    await allSee([carol], 'carol')
    alice.provider.connect()
    await allSee([carol], 'alice,carol')
  })
})
