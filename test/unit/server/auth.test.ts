/** Who is let in and may do what: over real sockets, with the real client and with stock ones. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { TICKETS_PER_SUBJECT_MAX } from '../../../server/auth/tickets.ts'
import { mintToken, type TokenClaims, type TokenOptions } from '../../../server/auth/tokens.ts'
import { createRelay, type RelayOptions } from '../../../server/index.ts'
import { createOwnStore } from '../../support/stores.ts'
import { allRead, coded, isSynced, startClient, startRelayAt } from '../client/support.ts'
import { rejoin } from './process.ts'
import { cleanUp, type RunningRelay, startRelay, temporaryFolder, until } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'
const CLI = join(import.meta.dirname, '../../../server/cli.ts')

const tokenOf = (subject: string, claims: Partial<TokenClaims> = {}): Promise<string> =>
  mintToken(SECRET, { subject, workspaces: ['acme'], role: 'write', lifetimeMs: 600_000, ...claims })

const startGuarded = (options: RelayOptions = {}): Promise<RunningRelay> =>
  startRelay({ auth: { secret: SECRET }, ...options })

/** A token signed as the test likes. */
async function forged(header: { alg: string }, key: Parameters<SignJWT['sign']>[0], claims: object = {}) {
  return new SignJWT({ workspace: 'acme', role: 'admin', ...claims })
    .setProtectedHeader(header)
    .setSubject('mallory')
    .setAudience('rejoin')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(key)
}

const unsigned = (claims: object): string =>
  [{ alg: 'none' }, claims, '']
    .map((part) => Buffer.from(part ? JSON.stringify(part) : '').toString('base64url'))
    .join('.')

/** The code with which a client is turned away for good. */
async function turnedAway(relay: RunningRelay, token: string): Promise<string | undefined> {
  const client = await startClient(relay, { token })
  await until('it is turned away', () => client.workspace.status.get().error !== undefined)
  const { error } = client.workspace.status.get()
  await client.workspace.close()
  return error?.code
}

/** A stock client with a token as subprotocol, or with what else is given. */
function stock(relay: RunningRelay, document: string, options: object, doc = new Y.Doc()) {
  const provider = new WebsocketProvider(`${relay.socketUrl}/y/acme`, document, doc, { disableBc: true, ...options })
  let code: number | undefined
  provider.on('connection-close', (event) => {
    code ??= event?.code
  })
  cleanUp(() => {
    provider.destroy()
    provider.awareness.destroy()
  })
  return { provider, doc, text: doc.getText('text'), closedWith: () => code }
}

const asSubprotocol = (token: string) => ({ protocols: ['rejoin', `token.${token}`] })

describe('a relay that asks for tokens', () => {
  test('lets in who has one, and they write together', async () => {
    const relay = await startGuarded()
    const [alice, bob] = await Promise.all(
      ['alice', 'bob'].map(async (name) => startClient(relay, { token: () => tokenOf(name) })),
    )
    if (alice === undefined || bob === undefined) throw new Error('nobody')
    const [a, b] = [alice.open(), bob.open()]
    a.type('hello')
    await a.saved('relay')
    await allRead([a, b], 'hello')
    expect(alice.workspace.status.get().role).toBe('write')
    expect(relay.errors).toEqual([])
  })

  test('writes neither tokens nor secrets into its log', async () => {
    const relay = await startGuarded()
    const tokens = [await tokenOf('alice'), await tokenOf('bob', { lifetimeMs: 1 }), `${await tokenOf('eve')}x`]
    for (const token of tokens) {
      const client = await startClient(relay, { token })
      const { provider } = stock(relay, 'note', asSubprotocol(token))
      const inAddress = stock(relay, 'note', { params: { token } })
      await until('it is in or out', () => inAddress.closedWith() !== undefined)
      provider.destroy()
      await client.workspace.close()
    }
    const answer = await fetch(`${relay.url}/v1/workspaces/acme/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${tokens[2]}` },
    })
    const told = JSON.stringify([relay.told, await answer.text()])
    expect(told).toContain('workspace opened')
    for (const secret of [SECRET, ...tokens.flatMap((token) => [token, ...token.split('.').slice(1)])]) {
      expect(told).not.toContain(secret)
    }
  })

  test('[P9] turns away who has none, or one that it does not know, before anything of the workspace is opened', async () => {
    const relay = await startGuarded()
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const claims = { sub: 'mallory', aud: 'rejoin', workspace: 'acme', role: 'admin', exp: Date.now() / 1000 + 300 }
    const good = await tokenOf('alice')
    const attempts: Record<string, string> = {
      none: '',
      'random text': 'let me in',
      'one that says it needs no signature': unsigned(claims),
      'one with a wrong secret': await mintToken('x'.repeat(40), {
        subject: 'mallory',
        workspaces: ['acme'],
        role: 'admin',
        lifetimeMs: 60_000,
      }),
      'one with another algorithm': await forged({ alg: 'HS512' }, new TextEncoder().encode(SECRET.repeat(2))),
      'the same secret, a longer hash': await forged(
        { alg: 'HS384' },
        new TextEncoder().encode(SECRET.padEnd(48, '.')),
      ),
      'one signed by a key of its own': await forged({ alg: 'ES256' }, privateKey),
      'one whose payload was changed': swapPayload(good, { role: 'admin', sub: 'alice' }),
      'one for another workspace': await tokenOf('alice', { workspaces: ['other'] }),
      'one for another relay': await mintToken(
        SECRET,
        { subject: 'alice', workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 },
        { audience: 'somebody else' },
      ),
      'one that lives for a year': await tokenOf('alice', { lifetimeMs: 365 * 24 * 3_600_000 }),
      'one without an end': await new SignJWT({ workspace: 'acme', role: 'write' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('alice')
        .setAudience('rejoin')
        .sign(new TextEncoder().encode(SECRET)),
      'one without a role': await forged({ alg: 'HS256' }, new TextEncoder().encode(SECRET), { role: 'owner' }),
      'one that has expired': await mintToken(
        SECRET,
        { subject: 'alice', workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 },
        { now: Date.now() - 3_600_000 },
      ),
    }
    expect(publicKey).toBeDefined()
    for (const [what, token] of Object.entries(attempts)) {
      expect([what, await turnedAway(relay, token)]).toEqual([what, 'unauthenticated'])
    }
    expect(relay.errors).toEqual([])
    expect(JSON.stringify(relay.told)).not.toContain('workspace opened')
  })

  test('takes tokens signed with the key to one of its public keys, and never those keys as a secret', async () => {
    const pair = await generateKeyPair('EdDSA', { extractable: true })
    const key = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'EdDSA' }
    const relay = await startRelay({ auth: { publicKeys: { keys: [key] } } })
    const token = await new SignJWT({ workspace: 'acme', role: 'write' })
      .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
      .setSubject('alice')
      .setAudience('rejoin')
      .setExpirationTime('5m')
      .sign(pair.privateKey)
    const alice = await startClient(relay, { token })
    const note = alice.open()
    note.type('signed')
    await note.saved('relay')
    const confused = await forged({ alg: 'HS256' }, new TextEncoder().encode(JSON.stringify(key)), {})
    expect(await turnedAway(relay, confused)).toBe('unauthenticated')
  })

  test('takes one’s own way to tell who somebody is', async () => {
    const relay = await startRelay({
      onAuthenticate({ token, workspace }) {
        if (token === 'broken') throw new Error('the database is away')
        return token === `open ${workspace}` ? { subject: 'alice', role: 'write' } : undefined
      },
    })
    const alice = await startClient(relay, { token: 'open acme' })
    const note = alice.open()
    note.type('in')
    await note.saved('relay')
    expect(await turnedAway(relay, 'open sesame')).toBe('unauthenticated')
    expect(await turnedAway(relay, 'broken')).toBe('unauthenticated')
  })

  test.each([
    ['neither', {}],
    ['both', { secret: SECRET, publicKeys: { keys: [] } }],
    ['a short secret', { secret: 'short' }],
  ])('does not start with %s', (_what, auth: TokenOptions) => {
    expect(() => createRelay({ auth })).toThrow(coded('bad-option') as Error)
  })

  test('may listen anywhere; without tokens it may not', async () => {
    const open = await startRelay()
    await expect(open.relay.listen(0, '0.0.0.0')).rejects.toEqual(coded('bad-option'))
    const relay = await startGuarded()
    const { port } = await relay.relay.listen(0, '0.0.0.0')
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { Host: 'relay.example.com' } })
    expect(answer.status).toBe(200)
    const page = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { Origin: 'https://evil.example' } })
    expect(page.status).toBe(403)
  })
})

/** A token with claims that it was not signed with. */
function swapPayload(token: string, claims: object): string {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const changed = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), ...claims }
  return [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.')
}

/** Where it is not renewed before it ends, as on a machine that does much else, the next one comes with a new connection. */
const RENEWED_IN_TIME_MS = 8_000

describe('a token that ends', () => {
  test('[P6] is renewed on the same connection, and what was typed meanwhile arrives', async () => {
    const relay = await startGuarded()
    let asked = 0
    const token = () => {
      asked++
      return tokenOf('alice', { lifetimeMs: RENEWED_IN_TIME_MS })
    }
    const alice = await startClient(relay, { token })
    const note = alice.open()
    await note.whenSynced
    const opened = alice.network.opened
    while (asked < 3) {
      note.type('.')
      await note.saved('relay')
    }
    expect(alice.network.opened).toBe(opened)
    expect(alice.errors).toEqual([])
  }, 60_000)

  test('[P6] cuts the connection; offline edits survive that, and go when there is a newer one', async () => {
    let now = Date.now()
    const relay = await startRelay({
      onAuthenticate: ({ token }) => ({ subject: 'alice', role: 'write', expiresAt: Number(token) }),
    })
    const store = createOwnStore()
    let given: number | Error = now + 1_500
    const token = async () => {
      if (given instanceof Error) throw given
      return String(given)
    }
    const alice = await startClient(relay, { token, storage: store })
    const note = alice.open()
    await note.whenSynced
    given = new Error('the login service is away')
    await until('the relay has cut it', () => alice.workspace.status.get().connection !== 'synced', 20_000)
    note.type('typed while nobody let it in')
    await note.saved('device')
    expect(alice.workspace.status.get().error).toBeUndefined()
    now = Date.now()
    given = now + 600_000
    await note.saved('relay')
    expect(alice.branches).toEqual([])
  }, 40_000)

  test('cuts who has only that one, and says so', async () => {
    const relay = await startGuarded({})
    const alice = await startClient(relay, { token: await tokenOf('alice', { lifetimeMs: 1_500 }) })
    await until('it is cut', () => alice.workspace.status.get().error !== undefined, 30_000)
    expect(alice.workspace.status.get().error?.code).toBe('unauthenticated')
  }, 40_000)

  test('of somebody else does not renew it', async () => {
    const relay = await startGuarded()
    let name = 'alice'
    const alice = await startClient(relay, { token: () => tokenOf(name, { lifetimeMs: RENEWED_IN_TIME_MS }) })
    await isSynced(alice)
    name = 'bob'
    await until('it is cut', () => alice.workspace.status.get().error !== undefined, 40_000)
    expect(alice.workspace.status.get().error).toMatchObject({ code: 'unauthenticated', detail: /somebody else/ })
  }, 60_000)

  test('is revoked: who came with it is cut at once and stays out, also after a restart', async () => {
    const data = temporaryFolder()
    const relay = await startGuarded({ data })
    const token = await tokenOf('mallory')
    const [mallory, alice] = [
      await startClient(relay, { token }),
      await startClient(relay, { token: () => tokenOf('alice') }),
    ]
    await isSynced(mallory, alice)
    relay.relay.revoke('mallory')
    await until('it is cut', () => mallory.workspace.status.get().error !== undefined)
    expect(mallory.workspace.status.get().error).toMatchObject({ code: 'unauthenticated' })
    expect(alice.workspace.status.get().connection).toBe('synced')
    await relay.relay.close()
    const again = await startRelayAt(relay.url, { data, auth: { secret: SECRET } })
    expect(await turnedAway(again, token)).toBe('unauthenticated')
    expect(await turnedAway(again, '')).toBe('unauthenticated')
  }, 30_000)
})

describe('roles', () => {
  test('[P5] who may read is refused with a code, keeps what it typed as a branch, and changes nothing', async () => {
    for (const role of ['read', 'comment'] as const) {
      const relay = await startGuarded()
      const alice = await startClient(relay, { token: () => tokenOf('alice') })
      const a = alice.open()
      a.type('as it is')
      await a.saved('relay')
      const reader = await startClient(relay, { token: () => tokenOf('reader', { role }) })
      const r = reader.open()
      await allRead([r], 'as it is')
      expect(reader.workspace.status.get().role).toBe(role)
      r.type(', and more')
      await until('it is refused', () => reader.branches.length === 1)
      expect(reader.branches[0]).toMatchObject({ code: 'forbidden', document: 'note' })
      // A deletion, a new document and the deletion of a whole one.
      const again = reader.open()
      await allRead([again], 'as it is')
      again.text.delete(0, 3)
      await until('it is refused', () => reader.branches.length === 2)
      reader.open('another').type('x')
      await until('it is refused', () => reader.branches.length === 3)
      const [before] = [a.read()]
      a.type('!')
      await a.saved('relay')
      expect(a.read()).toBe(`${before}!`)
      expect(relay.errors).toEqual([])
      await relay.relay.close()
    }
  }, 40_000)

  test('who may comment is shown to others, who may read is not', async () => {
    const relay = await startGuarded()
    const people = []
    for (const role of ['write', 'comment', 'read'] as const) {
      const client = await startClient(relay, { token: () => tokenOf(role, { role }) })
      const note = client.open()
      await note.whenSynced
      note.awareness.setLocalState({ role })
      people.push(note)
    }
    const [writer, commenter, reader] = people
    const seen = (note: typeof writer) =>
      [...(note?.awareness.getStates().values() ?? [])].map((state) => state.role).sort()
    await until('all are seen that are to be', () => seen(reader).length === 3 && seen(writer).length === 2)
    expect(seen(writer)).toEqual(['comment', 'write'])
    expect(seen(commenter)).toEqual(['comment', 'write'])
  })

  test('what one may not read is not there: not in a catalog, a digest, the stream, or for the asking', async () => {
    const relay = await startGuarded()
    const alice = await startClient(relay, { token: () => tokenOf('alice') })
    const ids = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `open/${i}` : `secret/${i}`))
    for (const id of ids) {
      const note = alice.open(id)
      note.type(id)
      await note.saved('relay')
    }
    const some = { documents: ['open/*'] }
    const store = createOwnStore()
    const bob = await startClient(relay, { token: () => tokenOf('bob', some), storage: store })
    await isSynced(bob)
    expect(bob.workspace.documents.get()).toEqual(ids.filter((id) => id.startsWith('open/')).sort())
    // The stream, and what one asks for.
    for (const id of ['secret/1', 'open/0']) {
      const note = alice.open(id)
      note.type(' again')
      await note.saved('relay')
    }
    await allRead([bob.open('open/0')], 'open/0 again')
    const asked = bob.open('secret/1')
    await until('it is told', () => asked.status.get().error !== undefined)
    expect(asked.status.get().error?.code).toBe('forbidden')
    const missing = bob.open('secret/that is not there')
    await until('it is told', () => missing.status.get().error !== undefined)
    const told = (note: typeof missing) => note.status.get().error?.detail.replace(note.id, '')
    expect(told(missing)).toBe(told(asked))
    await bob.workspace.close()
    // With more rights its place says nothing of what it could not see: all of that comes.
    const more = await startClient(relay, {
      token: () => tokenOf('bob', { documents: ['*'] }),
      storage: store,
      user: 'bob2',
    })
    await isSynced(more)
    expect(more.workspace.documents.get().filter((id) => ids.includes(id))).toEqual([...ids].sort())
    // And with less, fewer documents follow.
    await more.workspace.close()
    expect(relay.errors).toEqual([])
  }, 60_000)
})

describe('stock clients of a relay that asks for tokens', () => {
  test('show it as a subprotocol', async () => {
    const relay = await startGuarded()
    const [alice, bob] = [await tokenOf('alice'), await tokenOf('bob')].map((token) =>
      stock(relay, 'note', asSubprotocol(token)),
    )
    alice?.text.insert(0, 'hello')
    await until('it is there', () => bob?.text.toString() === 'hello')
  })

  test('show a ticket, once', async () => {
    const relay = await startGuarded()
    const ask = (token: string) =>
      fetch(`${relay.url}/v1/workspaces/acme/tickets?document=note`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}` },
      })
    expect((await ask('nonsense')).status).toBe(401)
    const answer = await ask(await tokenOf('alice'))
    expect(answer.status).toBe(201)
    const { ticket } = (await answer.json()) as { ticket: string }
    const alice = stock(relay, 'note', { params: { ticket } })
    await until('it is in', () => alice.provider.synced)
    for (const [document, params] of [
      ['note', { ticket }],
      ['note', { token: await tokenOf('alice') }],
      ['other', { ticket: ((await (await ask(await tokenOf('alice'))).json()) as { ticket: string }).ticket }],
    ] as const) {
      const again = stock(relay, document, { params })
      await until('it is turned away', () => again.closedWith() !== undefined)
      expect(again.closedWith()).toBe(4401)
    }
  })

  test('[P9] take no more tickets than their subject may have unused: others get theirs', async () => {
    const relay = await startGuarded()
    const ask = async (subject: string) => {
      const headers = { Authorization: `Bearer ${await tokenOf(subject)}` }
      const { status } = await fetch(`${relay.url}/v1/workspaces/acme/tickets`, { method: 'POST', headers })
      return status
    }
    const statuses = await Promise.all(Array.from({ length: TICKETS_PER_SUBJECT_MAX + 10 }, () => ask('mallory')))
    expect(statuses.filter((status) => status === 503)).toHaveLength(10)
    expect(await ask('alice')).toBe(201)
  })

  test('without one, or with one that only reads and edits all the same, are closed for good', async () => {
    const relay = await startGuarded()
    const nobody = stock(relay, 'note', {})
    await until('it is closed', () => nobody.closedWith() !== undefined)
    expect(nobody.closedWith()).toBe(4401)
    const alice = stock(relay, 'note', asSubprotocol(await tokenOf('alice')))
    alice.text.insert(0, 'as it is')
    const reader = stock(relay, 'note', asSubprotocol(await tokenOf('reader', { role: 'read' })))
    await until('it reads', () => reader.text.toString() === 'as it is')
    expect(reader.closedWith()).toBeUndefined()
    reader.text.insert(0, 'not ')
    await until('it is closed', () => reader.closedWith() !== undefined)
    expect(reader.closedWith()).toBe(4403)
    expect(alice.text.toString()).toBe('as it is')
    const hidden = stock(relay, 'secret', asSubprotocol(await tokenOf('some', { documents: ['note'] })))
    await until('it is closed', () => hidden.closedWith() !== undefined)
    expect(hidden.closedWith()).toBe(4403)
  })

  test('are cut when their token ends', async () => {
    const relay = await startGuarded()
    const alice = stock(relay, 'note', asSubprotocol(await tokenOf('alice', { lifetimeMs: 1_500 })))
    await until('it is cut', () => alice.closedWith() !== undefined, 30_000)
    expect(alice.closedWith()).toBe(4401)
  }, 40_000)
})

describe('the command line', () => {
  test('shows documents to whoever has a token that may read them, and says why not to others', async () => {
    const relay = await startGuarded()
    const alice = await startClient(relay, { token: await tokenOf('alice'), user: 'alice' })
    const note = alice.open()
    note.type('hello')
    await note.saved('relay')
    const reading = { REJOIN_TOKEN: await tokenOf('bob', { role: 'read' }) }
    const cat = (environment: Record<string, string>) => rejoin(['cat', `${relay.url}/acme`, 'note'], environment).ended
    expect(JSON.parse((await cat(reading)).stdout)).toEqual({ text: 'hello' })
    const tail = rejoin(['tail', `${relay.url}/acme`, 'note'], reading)
    let lines = ''
    tail.child.stdout?.on('data', (text) => {
      lines += text
    })
    await until('the document is there', () => lines.includes('"bytes"'))
    note.type(' world')
    await until('the update is told', () => lines.trim().split('\n').length === 2)
    tail.child.kill('SIGKILL')
    const others = { none: '', unknown: 'x.y.z', elsewhere: await tokenOf('bob', { documents: ['other'] }) }
    for (const [why, token] of Object.entries(others)) {
      const { code, stdout, stderr } = await cat({ REJOIN_TOKEN: token })
      expect([why, code, stdout, stderr.includes(token || 'nothing of it')]).toEqual([why, 1, '', false])
    }
  })

  test('makes tokens that a relay with the same secret takes', async () => {
    const file = join(temporaryFolder(), 'secret')
    writeFileSync(file, `${SECRET}\n`)
    const make = (...args: string[]) =>
      spawnSync(process.execPath, [CLI, 'token', '--auth-secret-file', file, ...args], { encoding: 'utf8' })
    const { stdout, status } = make('--subject', 'alice', '--workspace', 'acme', '--role', 'read', '--document', 'a*')
    expect(status).toBe(0)
    const relay = await startGuarded({ auth: { secret: readFileSync(file, 'utf8').trimEnd() } })
    const alice = await startClient(relay, { token: stdout.trim() })
    await isSynced(alice)
    expect(alice.workspace.status.get().role).toBe('read')
    expect(make('--subject', 'alice').status).toBe(2)
    expect(make('--subject', 'alice', '--workspace', 'acme', '--role', 'owner').status).toBe(2)
  })
})
