/** Real relays in processes of their own, a fault proxy in front of each, and clients that write all the while. */
import { describe, expect, test } from 'vitest'
import { createMemoryReplicaStore } from '../../client/index.ts'
import { cleanUp, until } from '../support/lifetime.ts'
import { type MeshProcess, startMeshProcesses } from '../support/mesh.ts'
import { openPerson, type Person } from '../support/person.ts'
import { seeded } from '../support/random.ts'
import { seedOfTest } from '../support/seed.ts'

/** Each is somebody else: one user's tabs would share a connection. */
async function openAt({ socketUrl }: MeshProcess): Promise<Person> {
  const storage = createMemoryReplicaStore({ durable: true })
  const person = await openPerson({ relay: socketUrl, user: socketUrl, storage })
  cleanUp(() => person.leave())
  return person
}

/** What a relay holds, read by somebody who brings nothing. */
async function tokensAt(mesh: MeshProcess): Promise<string[]> {
  const reader = await openPerson({ relay: mesh.socketUrl, storage: 'memory' })
  try {
    await reader.note.whenSynced
    return reader.tokens().sort()
  } finally {
    await reader.leave()
  }
}

describe('relays in processes', () => {
  test('[P2] what is saved at two relays survives the loss for ever of any one disk', async () => {
    const relays = await startMeshProcesses(3)
    const [first] = relays
    if (first === undefined) throw new Error('there are three')
    const writer = await openAt(first)
    const told: string[] = []
    const { stop } = writer.keepWriting('token', 10, { relays: 2 }, (token) => void told.push(token))
    await until('some are told', () => told.length > 50)
    const promised = [...told].sort()
    await first.lose()
    stop()
    // Nobody who wrote is there any more.
    await writer.leave()
    for (const other of relays.slice(1)) {
      await until('it has all', async () => (await tokensAt(other)).length >= promised.length)
      expect(await tokensAt(other)).toEqual(expect.arrayContaining(promised))
    }
    await first.relay.start()
    // Also with what was not promised, if it has come to the others.
    const held = async () => (await Promise.all(relays.map(tokensAt))).map((tokens) => tokens.join())
    await until('the emptied relay is filled', async () => new Set(await held()).size === 1, { seen: held })
    expect(await tokensAt(first)).toEqual(expect.arrayContaining(promised))
  })

  test.each([3, 5])(
    '[P1][P10] %i relays are cut, killed, emptied and deaf while clients write, and agree after',
    async (count) => {
      const random = seeded(seedOfTest())
      const relays = await startMeshProcesses(count)
      const people = await Promise.all(relays.map(openAt))
      const writings = people.map((person, i) => person.keepWriting(`writer-${i}`, 40, 'relay', () => {}))
      const any = (): MeshProcess => relays[random(count)] ?? (relays[0] as MeshProcess)
      const pause = () => new Promise((resolve) => setTimeout(resolve, 200 + random(400)))
      for (let fault = 0; fault < 10; fault++) {
        const victim = any()
        switch (fault % 5) {
          case 0:
            victim.proxy.cut()
            break
          case 1:
            await victim.relay.kill()
            await pause()
            await victim.relay.start()
            break
          case 2:
            victim.proxy.loseRequests()
            break
          case 3:
            victim.proxy.loseAnswers()
            break
          case 4:
            await victim.lose()
            await pause()
            await victim.relay.start()
            break
        }
        await pause()
        for (const { proxy } of relays) if (random(2) === 0) proxy.mend()
      }
      for (const { proxy } of relays) proxy.mend()
      for (const { stop } of writings) stop()
      const all = writings
        .flatMap(({ written }, i) => Array.from({ length: written }, (_, n) => `writer-${i}-${n}`))
        .sort()
      await until('everybody has everything', () => people.every((person) => person.tokens().length === all.length), {
        seen: () => people.map((person) => [person.tokens().length, all.length, person.status()]),
      })
      for (const person of people) expect(person.tokens().sort()).toEqual(all)
      for (const relay of relays)
        await until('every relay has everything', async () => (await tokensAt(relay)).length === all.length)
      expect(writings.map(({ failures }) => failures)).toEqual(writings.map(() => []))
    },
  )
})
