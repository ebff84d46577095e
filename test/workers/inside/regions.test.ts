import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { setObjectOptions } from '../../../server/runtime/object-options.ts'
import type { Region } from '../../../server/runtime/regions.ts'
import { RelayObject } from '../../../server/worker.ts'
import { type BareClient, connect, NOTE, objectOf, typist } from './support.ts'

const REGIONS = ['weur', 'enam', 'apac'] as const
const [ADA, BOB, CAROL] = ['a', 'b', 'c'].map((letter) => letter.repeat(16)) as [string, string, string]

/** Regions whose objects cannot be reached. */
const cut = new Set<Region>()
const { exchange } = RelayObject.prototype

beforeAll(() => {
  setObjectOptions({ regions: REGIONS })
  RelayObject.prototype.exchange = function (this: RelayObject, from, request) {
    const { ctx } = this as unknown as { ctx: DurableObjectState }
    const own = ctx.id.name?.split('/')[0] as Region
    if (cut.has(from) || cut.has(own)) throw new Error('the link is cut')
    return exchange.call(this, from, request)
  }
})

beforeEach(() => cut.clear())

afterAll(() => {
  RelayObject.prototype.exchange = exchange
  setObjectOptions({})
})

async function come(workspace: string, replica: string, region: Region): Promise<BareClient> {
  const client = await connect(workspace, replica, { region })
  await client.next('welcome')
  return client
}

/** What the object of a region holds of the note: origin and last number. */
async function held(workspace: string, region: Region): Promise<[string, number][]> {
  const client = await come(workspace, 'f'.repeat(16), region)
  client.send({ type: 'vector', ...NOTE, vector: new Map(), reply: true })
  const { vector } = await client.next('vector')
  client.close()
  return Array.from(vector, ([origin, { seq }]): [string, number] => [origin, seq]).sort()
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 500) throw new Error(`it did not come to be that ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const holdsAll = (workspace: string, region: Region, origins: readonly string[]): Promise<void> =>
  until(
    `${region} holds what ${origins.length} wrote`,
    async () => (await held(workspace, region)).length === origins.length,
  )

describe('regions of a workspace', () => {
  test('[P1] hand on at once what is written in any of them', async () => {
    const people = await Promise.all(
      [ADA, BOB, CAROL].map((replica, i) => come('everywhere', replica, REGIONS[i] ?? 'weur')),
    )
    for (const [i, client] of people.entries()) client.entries(NOTE, [typist([ADA, BOB, CAROL][i] ?? ADA)()])
    for (const client of people) {
      const origins = new Set<string>()
      while (origins.size < 2) for (const run of (await client.next('entries')).runs) origins.add(run.origin)
    }
  })

  test('[P10] one that is used for the first time has what was written before in others, and what comes after', async () => {
    const type = typist(ADA)
    const ada = await come('first', ADA, 'weur')
    ada.entries(NOTE, [type()])
    await ada.next('ack')
    const bob = await come('first', BOB, 'enam')
    expect((await bob.next('entries')).runs[0]?.origin).toBe(ADA)
    ada.entries(NOTE, [type()])
    expect((await bob.next('entries')).runs[0]?.first).toBe(2)
  })

  test('[P11] one that nobody has used is asked once, and stores nothing', async () => {
    const type = typist(ADA)
    const ada = await come('alone', ADA, 'weur')
    for (let i = 0; i < 3; i++) {
      ada.entries(NOTE, [type()])
      await ada.next('ack')
    }
    await until('it is known', () =>
      runInDurableObject(objectOf('alone'), (_, { storage }) => {
        return (storage.kv.get<Region[]>('unused regions') ?? []).length === 2
      }),
    )
    const tables = await runInDurableObject(objectOf('alone', 'apac'), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_schema WHERE name = 'log'").toArray(),
    )
    expect(tables).toEqual([])
  })

  test('[P10] one that cannot be reached goes on, and gets and gives what was missed when it is back', async () => {
    const [ada, , carol] = [
      await come('cut', ADA, 'weur'),
      await come('cut', BOB, 'enam'),
      await come('cut', CAROL, 'apac'),
    ]
    ada.entries(NOTE, [typist(ADA)()])
    await holdsAll('cut', 'apac', [ADA])
    cut.add('apac')
    const bob = await come('cut', BOB, 'enam')
    bob.entries(NOTE, [typist(BOB)()])
    await bob.next('ack')
    carol.entries(NOTE, [typist(CAROL)()])
    await carol.next('ack')
    await holdsAll('cut', 'weur', [ADA, BOB])
    // Asleep they owe each other what only the alarm remembers.
    for (const region of REGIONS) await evictDurableObject(objectOf('cut', region))
    expect(await runDurableObjectAlarm(objectOf('cut', 'apac'))).toBe(true)
    expect(await held('cut', 'apac')).toHaveLength(2)
    cut.clear()
    expect(await runDurableObjectAlarm(objectOf('cut', 'apac'))).toBe(true)
    for (const region of REGIONS) await holdsAll('cut', region, [ADA, BOB, CAROL])
  })

  test('is silent when all hold the same: the alarm is set for no more than what is due by age', async () => {
    const ada = await come('quiet', ADA, 'weur')
    await come('quiet', BOB, 'enam')
    ada.entries(NOTE, [typist(ADA)()])
    await holdsAll('quiet', 'enam', [ADA])
    expect(await runDurableObjectAlarm(objectOf('quiet'))).toBe(true)
    const at = await runInDurableObject(objectOf('quiet'), (_, { storage }) => storage.getAlarm())
    expect((at ?? 0) - Date.now()).toBeGreaterThan(24 * 60 * 60_000)
  })
})
