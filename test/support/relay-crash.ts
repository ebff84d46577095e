/**
 * A relay that is killed in the middle of a stream of edits, again and again: short in the tests, long in the soak. Tokens
 * that were told as `relay` are noted by the test.
 */
import { expect } from 'vitest'
import { createMemoryReplicaStore } from '../../client/index.ts'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { cleanUp, until } from './lifetime.ts'
import { openPerson, type Person, type PersonOptions } from './person.ts'
import { type Random, seeded } from './random.ts'
import { type RelayProcess, startRelayProcess } from './relay-process.ts'

const PAUSE_MS = 4

/** Pauses between tries are a sixteenth of what they are, so that twenty restarts fit into a minute. */
const hurried: Environment = {
  ...systemEnvironment,
  randomBytes(length) {
    const bytes = systemEnvironment.randomBytes(length)
    if (length === 4) bytes[0] = (bytes[0] ?? 0) >> 4
    return bytes
  },
}

/**
 * Three people write, two of them without storage, and the relay is killed `kills` times: it keeps what it has
 * acknowledged, and at the end everybody, a fresh client too, has everything.
 */
export async function relaySurvivesCrashes(seed: number, kills: number): Promise<void> {
  const random = seeded(seed)
  const relay = await startRelayProcess()
  const told = new Set<string>()
  const people = [
    await join(relay, { storage: 'memory' }),
    await join(relay, { storage: 'memory' }),
    await join(relay, { storage: createMemoryReplicaStore({ durable: true }) }),
  ]
  const writings = people.map((person, index) =>
    person.keepWriting(`writer-${index}`, PAUSE_MS, 'relay', (token) => told.add(token)),
  )

  for (let kill = 0; kill < kills; kill++) {
    await writeFor(told, random)
    await relay.kill()
    const promised = [...told]
    expect(await lostBy(relay, promised), `lost by kill ${kill}, seed ${seed}`).toEqual([])
    await relay.start()
  }
  for (const writing of writings) writing.stop()

  const all = writings.flatMap(({ written }, index) => range(written).map((n) => `writer-${index}-${n}`))
  await until('everything that was written is acknowledged', () => told.size === all.length, {
    seen: () => [told.size, all.length, people.map((person) => [person.status(), person.workspaceStatus()])],
  })
  expect(writings.map(({ failures }) => failures)).toEqual([[], [], []])
  for (const person of people) {
    await until('receipts are relay, and all is synced', () => isSafe(person), { seen: () => person.status() })
  }
  const fresh = await join(relay, { storage: 'memory' })
  await fresh.note.whenSynced
  for (const person of [fresh, ...people]) expect(person.tokens().sort()).toEqual(all.sort())
  expect(new Set([fresh, ...people].map((person) => person.json())).size).toBe(1)
}

async function join(relay: RelayProcess, options: PersonOptions): Promise<Person> {
  const person = await openPerson({ relay: relay.socketUrl, environment: hurried, ...options })
  cleanUp(() => person.leave())
  return person
}

/** Until some of what is written after this call has been acknowledged; then for a moment that chance decides. */
async function writeFor(told: ReadonlySet<string>, random: Random): Promise<void> {
  const enough = told.size + 20 + random(200)
  await until('edits are acknowledged again', () => told.size > enough)
}

/**
 * What the relay's disk lacks: read by a fresh client from a relay that nobody else knows, so that nobody mends it first.
 * That relay is killed too.
 */
async function lostBy(relay: RelayProcess, promised: readonly string[]): Promise<string[]> {
  const secret = await startRelayProcess({ data: relay.data })
  const fresh = await openPerson({ relay: secret.socketUrl, storage: 'memory' })
  await fresh.note.whenSynced
  const there = new Set(fresh.tokens())
  await fresh.leave()
  await secret.kill()
  return promised.filter((token) => !there.has(token))
}

const isSafe = (person: Person): boolean =>
  person.status().receipt === 'relay' &&
  person.status().unacknowledged === 0 &&
  person.workspaceStatus().connection === 'synced'

const range = (length: number): number[] => Array.from({ length }, (_, n) => n)
