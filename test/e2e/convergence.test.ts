/** People in two browsers and on Node edit one document at once, and all of them end with the same (P1). */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { cleanUp, until } from '../support/lifetime.ts'
import { type NetworkProxy, startNetworkProxy } from '../support/network-proxy.ts'
import { launchPages, openPage } from '../support/pages.ts'
import { openPerson, type Person, type PersonOptions } from '../support/person.ts'
import { type Random, seeded } from '../support/random.ts'
import { type RelayProcess, startRelayProcess } from '../support/relay-process.ts'
import { seedOfTest } from '../support/seed.ts'

const ROUNDS = 40
const EDITS_MAX = 12

const { browser, pages } = await launchPages()

describe('two pages and a client on Node, in one document', () => {
  test('[P1] edits of text, map and array, at once', async () => {
    const { random, relay, all } = await three()
    for (let round = 0; round < ROUNDS; round++) await inParallel(all, random, 'edit')
    await expectConverged(relay, all)
  })

  test('[P1] deletions only, at once', async () => {
    const { random, relay, all } = await three()
    await all[0]?.change('edit', random(1e9), 600)
    const before = await expectConverged(relay, all)
    for (let round = 0; round < ROUNDS; round++) await inParallel(all, random, 'erase')
    expect(await expectConverged(relay, all)).not.toBe(before)
  })

  test('[P1][P2] deletions only, made offline, which no state vector shows', async () => {
    const { random, relay, network, all } = await three()
    await all[0]?.change('edit', random(1e9), 600)
    const before = await expectConverged(relay, all)
    network.cut()
    for (const each of all) {
      await until('they are offline', async () => (await each.connection()) !== 'synced')
      expect(await each.change('erase', random(1e9), 30)).toBeGreaterThan(0)
      expect(await each.json()).not.toBe(before)
    }
    network.mend()
    expect(await expectConverged(relay, all)).not.toBe(before)
  })
})

/** Somebody, wherever they are. */
interface Somebody {
  change(how: 'edit' | 'erase', seed: number, count: number): Promise<number>
  json(): Promise<string>
  connection(): Promise<string>
  savedAtRelay(): Promise<void>
}

async function three() {
  const random = seeded(seedOfTest())
  const relay = await startRelayProcess({ pages })
  const network = await startNetworkProxy(relay.port)
  const all = [await inPage(relay, network), await inPage(relay, network), await onNode(network)]
  return { random, relay, network, all }
}

/** Nobody waits for anybody: edits of the three cross on their way. */
async function inParallel(all: readonly Somebody[], random: Random, how: 'edit' | 'erase'): Promise<void> {
  await Promise.all(all.map((each) => each.change(how, random(1e9), 1 + random(EDITS_MAX))))
}

/** All of them, and a client that comes only now, hold the same; returns it. */
async function expectConverged(relay: RelayProcess, all: readonly Somebody[]): Promise<string> {
  for (const each of all) await each.savedAtRelay()
  const fresh = await join({ relay: relay.socketUrl, storage: 'memory' })
  await fresh.note.whenSynced
  const expected = fresh.json()
  const everybody = () => Promise.all(all.map((each) => each.json()))
  await until('all hold what a fresh client gets', async () => (await everybody()).every((json) => json === expected), {
    seen: everybody,
  })
  for (const each of all) await until('all are synced', async () => (await each.connection()) === 'synced')
  return expected
}

async function inPage(relay: RelayProcess, network: NetworkProxy): Promise<Somebody> {
  const profile = await browser.newContext()
  cleanUp(() => profile.close())
  const page: Page = await openPage(profile, relay.url, { relay: network.socketUrl })
  return {
    change: (how, seed, count) =>
      page.evaluate(([of, ...given]) => window.me[of](...given), [how, seed, count] as const),
    json: () => page.evaluate(() => window.me.json()),
    connection: () => page.evaluate(() => window.me.workspaceStatus().connection),
    savedAtRelay: () => page.evaluate(() => window.me.saved('relay')),
  }
}

async function onNode(network: NetworkProxy): Promise<Somebody> {
  const person = await join({ relay: network.socketUrl, storage: 'memory' })
  return {
    change: async (how, seed, count) => person[how](seed, count),
    json: async () => person.json(),
    connection: async () => person.workspaceStatus().connection,
    savedAtRelay: () => person.saved('relay'),
  }
}

async function join(options: PersonOptions): Promise<Person> {
  const person = await openPerson(options)
  cleanUp(() => person.leave())
  return person
}
