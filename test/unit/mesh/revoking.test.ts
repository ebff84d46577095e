/** Who is turned out at one relay is turned out at all of its mesh. */
import { expect, test } from 'vitest'
import { mintToken } from '../../../server/auth/tokens.ts'
import { createRevoking } from '../../../server/mesh/revoking.ts'
import { startClient } from '../client/support.ts'
import { type RunningRelay, startRelay, temporaryFolder, until } from '../server/support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'
const PEERS = 'a secret of twenty characters and more'

const tokenOf = (subject: string): Promise<string> =>
  mintToken(SECRET, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 600_000 })

const startGuarded = (peers: readonly string[], data?: string): Promise<RunningRelay> =>
  startRelay({ auth: { secret: SECRET }, peers, peerSecret: PEERS, data })

/** Whether a token opens a relay. */
async function opens({ url }: RunningRelay, token: string): Promise<boolean> {
  const headers = { Authorization: `Bearer ${token}` }
  return (await fetch(`${url}/v1/workspaces/acme/tickets`, { method: 'POST', headers })).status === 201
}

test('[P9] a subject that is revoked at one relay is cut and refused at the others, also at one that was away, and at no other', async () => {
  const a = await startGuarded([])
  const data = temporaryFolder()
  const [b, away] = [await startGuarded([a.url]), await startGuarded([a.url], data)]
  await until('all reach each other', () =>
    [a, b, away].every(({ relay }) => relay.mesh()?.members.filter(({ up }) => up).length === 2),
  )
  const [mallory, alice] = [await tokenOf('mallory'), await tokenOf('alice')]
  const client = await startClient(b, { token: mallory })
  await until('mallory is in', () => client.workspace.status.get().connection === 'synced')
  await away.relay.close()
  a.relay.revoke('mallory')
  await until('mallory is turned out at b', () => client.workspace.status.get().error?.code === 'unauthenticated')
  await client.workspace.close()
  for (const relay of [a, b]) {
    expect(await opens(relay, mallory)).toBe(false)
    expect(await opens(relay, alice)).toBe(true)
  }
  const again = await startGuarded([b.url], data)
  await until('the one that was away knows of it', async () => !(await opens(again, mallory)))
  expect(await opens(again, alice)).toBe(true)
  await again.relay.close()
  const alone = await startRelay({ auth: { secret: SECRET }, data })
  expect(await opens(alone, mallory)).toBe(false)
})

test('[P10] of two moments the later one counts, and who knows the same is told no names', () => {
  const [mine, theirs] = [
    new Map([
      ['bob', 5],
      ['eve', 9],
    ]),
    new Map([['bob', 7]]),
  ]
  const sides = [mine, theirs].map((known) =>
    createRevoking({
      all: () => known,
      learn: (told) => {
        for (const [subject, at] of told) known.set(subject, Math.max(at, known.get(subject) ?? 0))
      },
    }),
  )
  const [one, other] = sides
  const known = other?.take(one?.tell(undefined) ?? [])
  const answer = other?.tell(known) ?? []
  expect(answer.flatMap(({ entries }) => entries)).toHaveLength(2)
  const told = one?.take(answer)
  expect([...mine]).toEqual([
    ['bob', 7],
    ['eve', 9],
  ])
  expect(one?.tell(told).flatMap(({ entries }) => entries)).toEqual([])
})

test('[P7] many travel in several messages', () => {
  const known = new Map(Array.from({ length: 1_000 }, (_, i) => [`subject ${i}`, i]))
  const told = createRevoking({ all: () => known, learn() {} }).tell(undefined)
  expect(told.length).toBeGreaterThan(3)
  expect(new Map(told.flatMap(({ entries }) => entries.map(({ subject, at }) => [subject, at])))).toEqual(known)
})
