/** Relays in network namespaces: links that flap, packets lost in one direction, full and lost disks, while clients write. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createMemoryReplicaStore } from '../../client/index.ts'
import { mintToken } from '../../server/auth/tokens.ts'
import { cleanUp, temporaryFolder, until } from '../support/lifetime.ts'
import { type NamespaceRelay, startNamespaceRelays, whyNot } from '../support/namespaces.ts'
import { openPerson, type Person } from '../support/person.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

function secretFile(name: string): string {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, SECRET, { mode: 0o600 })
  return file
}

const tokenOf = (subject: string): Promise<string> =>
  mintToken(SECRET, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 3_600_000 })

async function openAt({ relay }: NamespaceRelay, user: string): Promise<Person> {
  const storage = createMemoryReplicaStore({ durable: true })
  const person = await openPerson({ relay: relay.socketUrl, user, storage, token: await tokenOf(user) })
  cleanUp(() => person.leave())
  return person
}

async function tokensAt({ relay }: NamespaceRelay): Promise<string[]> {
  const reader = await openPerson({ relay: relay.socketUrl, storage: 'memory', token: await tokenOf('reader') })
  try {
    await reader.note.whenSynced
    return reader.tokens().sort()
  } finally {
    await reader.leave()
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const reason = whyNot()

describe(`relays in network namespaces${reason === undefined ? '' : `, left out: ${reason}`}`, () => {
  test.skipIf(reason !== undefined).each([3, 5])(
    '[P1][P2][P10] %i relays whose links flap, that are deaf one way, full, and lose a disk for ever, agree after',
    async (count) => {
      const secrets = ['--auth-secret-file', secretFile('auth'), '--peer-secret-file', secretFile('peers')]
      const relays = await startNamespaceRelays(count, secrets)
      const [first, second, third] = relays
      if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
      const people = await Promise.all(relays.map((relay, i) => openAt(relay, `person-${i}`)))
      const told = new Set<string>()
      const writings = people.map((person, i) =>
        person.keepWriting(`writer-${i}`, 50, { relays: 2 }, (token) => void told.add(token)),
      )
      await until('some are at two relays', () => told.size > 10)
      for (let i = 0; i < 4; i++) {
        second.link(i % 2 === 1)
        await pause(300)
      }
      first.deafen(third, true)
      await pause(2_000)
      third.fill(true)
      await pause(1_500)
      first.deafen(third, false)
      third.fill(false)
      await second.lose()
      await pause(500)
      await second.relay.start()
      await pause(1_000)
      for (const { stop } of writings) stop()
      const all = writings
        .flatMap(({ written }, i) => Array.from({ length: written }, (_, n) => `writer-${i}-${n}`))
        .sort()
      await until('everybody has everything', () => people.every((person) => person.tokens().length === all.length), {
        seen: () => people.map((person) => [person.tokens().length, all.length, person.status()]),
      })
      for (const relay of relays) {
        await until('each relay has everything', async () => (await tokensAt(relay)).length === all.length)
        expect(await tokensAt(relay)).toEqual(all)
      }
      // Whoever wrote is gone, and so is one disk, for ever.
      const promised = [...told].sort()
      for (const person of people) await person.leave()
      await first.lose()
      for (const relay of relays.slice(1)) expect(await tokensAt(relay)).toEqual(expect.arrayContaining(promised))
    },
  )
})
