import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test } from 'vitest'
import { RELAY_LIMITS } from '../../../server/relay/limits.ts'
import { setObjectOptions } from '../../../server/runtime/object-options.ts'
import { connect, NOTE, objectOf, typist } from './support.ts'

const ALICE = 'a'.repeat(16)

afterEach(() => setObjectOptions({}))

const alarmOf = (workspace: string): Promise<number | null> =>
  runInDurableObject(objectOf(workspace), (_, { storage }) => storage.getAlarm())

async function write(workspace: string) {
  const client = await connect(workspace, ALICE)
  await client.next('welcome')
  client.entries(NOTE, [typist(ALICE)()])
  await client.next('ack')
  return client
}

describe('the alarm of an object', () => {
  test('is not set where nothing was written: an idle object is never woken', async () => {
    const client = await connect('idle', ALICE)
    await client.next('welcome')
    expect(await alarmOf('idle')).toBe(null)
  })

  test('is set for when records are older than they are kept, and again, however often it runs', async () => {
    await write('aging')
    const at = (await alarmOf('aging')) ?? 0
    expect(at - Date.now()).toBeGreaterThan(RELAY_LIMITS.retainMs - 60_000)
    for (let i = 0; i < 3; i++) {
      expect(await runDurableObjectAlarm(objectOf('aging'))).toBe(true)
      expect(await alarmOf('aging')).toBe(at)
    }
  })

  test('deletes documents whose time is over, also in an object that has slept since', async () => {
    setObjectOptions({ ttlMs: 1 })
    const client = await write('expiring')
    await evictDurableObject(objectOf('expiring'))
    expect(await runDurableObjectAlarm(objectOf('expiring'))).toBe(true)
    expect(await client.next('tombstone')).toMatchObject({ document: NOTE.document })
  })
})
