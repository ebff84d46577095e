/** Replicas that fold what they hold in the background, as a workspace has them do it. */
import { describe, expect, test } from 'vitest'
import { createCompacting } from '../../../client/replica/compacting.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { EMPTY_UPDATE } from '../../../shared/update/join.ts'
import { createOwnStore, dump, durable, NOTE, openLog } from '../../support/stores.ts'
import { converged, startRelay, stockClient, until } from '../server/support.ts'
import { startClient } from './support.ts'

function createTime() {
  let now = 0
  const timers = new Map<() => void, number>()
  return {
    environment: {
      now: () => now,
      randomBytes: (length: number) => new Uint8Array(length),
      setTimer(callback: () => void, ms: number) {
        timers.set(callback, now + ms)
        return () => void timers.delete(callback)
      },
    },
    async pass(ms: number) {
      for (const end = now + ms; now < end; ) {
        now += 100
        for (const [timer, at] of [...timers]) {
          if (at > now || !timers.delete(timer)) continue
          timer()
          // What it began goes on in microtasks.
          for (let i = 0; i < 10; i++) await Promise.resolve()
        }
      }
    },
  }
}

describe('what was typed in a burst', () => {
  test('[P11] is stored as small as it can be when it is left alone', async () => {
    const store = createOwnStore()
    const client = await startClient(undefined, { storage: store })
    const note = client.open()
    await note.whenLoaded
    for (let i = 0; i < 1_000; i++) note.type('x')
    await note.saved('device')
    const stored = async () => (await dump(store)).edits.reduce((sum, { value }) => sum + value.bytes.length, 0)
    await until('it is small', async () => (await stored()) < 1_100)
    const again = await startClient(undefined, { storage: store })
    const reopened = again.open()
    await reopened.whenLoaded
    expect(reopened.read()).toBe('x'.repeat(1_000))
  })

  test('[P7] is looked at no more once it is sealed', async () => {
    const log = await openLog(durable())
    await log.append({ where: NOTE, n: 1, bytes: EMPTY_UPDATE, count: 2, loose: true })
    expect(await log.wantsCompaction(NOTE.document)).toBe(true)
    await log.seal(NOTE.document)
    expect(await log.wantsCompaction(NOTE.document)).toBe(false)
  })
})

describe('compacting', () => {
  test('[P6] waits until a document is left alone, and another that is typed into does not keep it waiting', async () => {
    const time = createTime()
    const done: string[] = []
    const log = {
      wantsCompaction: async (document: string) => document !== 'small',
      compact: async (document: string) => done.push(document) > 0,
    }
    const compacting = createCompacting(log, time.environment, (error) => expect.fail(String(error)))
    for (const document of ['a', 'small', 'b']) compacting.touch(document)
    await time.pass(900)
    expect(done).toEqual([])
    for (let i = 0; i < 100; i++) {
      compacting.touch('busy')
      await time.pass(100)
    }
    expect(done).toEqual(['a', 'b'])
    await time.pass(3_000)
    expect(done).toEqual(['a', 'b', 'busy'])
    compacting.touch('late')
    compacting.close()
    await time.pass(5_000)
    expect(done).toHaveLength(3)
  })

  test('[P5][P9] a document that fails is reported, and the next one is folded', async () => {
    const time = createTime()
    const done: string[] = []
    const reported: unknown[] = []
    const log = {
      wantsCompaction: async () => true,
      compact: async (document: string) => {
        if (document === 'bad') throw new RejoinError('storage-full', 'no room')
        if (document === 'gone') throw new RejoinError('closed', 'the store is closed')
        return done.push(document) > 0
      },
    }
    const compacting = createCompacting(log, time.environment, (error) => reported.push(error))
    for (const document of ['bad', 'gone', 'good']) compacting.touch(document)
    await time.pass(10_000)
    expect(done).toEqual(['good'])
    expect(reported).toMatchObject([{ code: 'storage-full' }])
  })

  test('[P11] folds what a workspace has gathered, and loses none of it', async () => {
    const relay = await startRelay()
    const storage = createOwnStore()
    const alice = await startClient(relay, { storage, user: 'alice' })
    const note = alice.open()
    note.type('x')
    await note.saved('relay')
    // Each of its updates is a record.
    const theirs = stockClient(`${relay.socketUrl}/y/acme`, 'note')
    await converged([theirs], 'x')
    for (let i = 0; i < 600; i++) theirs.type('y')
    await until('it is folded', async () => (await dump(storage)).checkpoints.length === 1, 30_000)
    await until('all is there', () => note.read() === theirs.text.toString())
    await alice.workspace.close()
    const again = await startClient(relay, { storage, user: 'alice', connect: false })
    const reopened = again.open()
    await reopened.whenLoaded
    expect(reopened.read()).toBe(`x${'y'.repeat(600)}`)
    expect(alice.errors).toEqual([])
  })
})
