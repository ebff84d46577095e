/** Documents over plain requests, and from the relay's own program. */
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { mintToken, type TokenClaims } from '../../../server/auth/tokens.ts'
import { converged, type RunningRelay, startRelay, stockClient, until } from './support.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

const tokenOf = (claims: Partial<TokenClaims>): Promise<string> =>
  mintToken(SECRET, { subject: 'alice', workspaces: ['acme'], role: 'write', lifetimeMs: 600_000, ...claims })

async function ask({ url }: RunningRelay, path: string, options: RequestInit & { token?: string } = {}) {
  const { token, ...init } = options
  const headers = { ...init.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) }
  return fetch(`${url}/v1/workspaces/acme/documents${path}`, { ...init, headers })
}

const update = (text: string): Uint8Array<ArrayBuffer> => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return new Uint8Array(Y.encodeStateAsUpdate(doc))
}

describe('documents over plain requests', () => {
  it('are written, listed, read as JSON and as an update, edited, deleted; clients see it at once', async () => {
    const relay = await startRelay()
    const path = `/${encodeURIComponent('notes/today 1')}`
    expect((await ask(relay, path)).status).toBe(404)
    expect((await ask(relay, path, { method: 'POST', body: update('hello') })).status).toBe(204)
    const client = stockClient(`${relay.socketUrl}/y/acme`, 'notes/today 1')
    await converged([client], 'hello')
    await relay.relay.edit('acme', 'notes/today 1', (doc) => {
      doc.getText('text').insert(5, ' you')
      doc.getMap('meta').set('read', true)
    })
    await converged([client], 'hello you')
    const json = await ask(relay, path)
    expect(await json.json()).toEqual({ meta: { read: true }, text: 'hello you' })
    expect(json.headers.get('rejoin-harvest')).toBe('1/1')
    const doc = new Y.Doc()
    const bytes = await (await ask(relay, path, { headers: { Accept: 'application/octet-stream' } })).arrayBuffer()
    Y.applyUpdate(doc, new Uint8Array(bytes))
    expect(doc.getText('text').toString()).toBe('hello you')
    const { documents } = (await (await ask(relay, '')).json()) as { documents: { id: string; bytes: number }[] }
    expect(documents).toEqual([{ id: 'notes/today 1', bytes: expect.any(Number), changedAt: expect.any(Number) }])
    expect((await ask(relay, path, { method: 'DELETE' })).status).toBe(204)
    expect((await ask(relay, path)).status).toBe(404)
    expect(await (await ask(relay, '')).json()).toEqual({ documents: [] })
    expect((await ask(relay, path, { method: 'PUT' })).status).toBe(405)
  })

  it('[P7] come in pages, and bodies have a bound', async () => {
    const relay = await startRelay()
    for (let i = 0; i < 5; i++) {
      await relay.relay.edit('acme', `note ${i}`, (doc) => doc.getText('text').insert(0, 'x'))
    }
    const ids: string[] = []
    for (let after: string | undefined = ''; after !== undefined; ) {
      const answer = await ask(relay, `?limit=2&after=${encodeURIComponent(after)}`)
      const page = (await answer.json()) as { documents: { id: string }[]; after?: string }
      expect(page.documents.length).toBeLessThanOrEqual(2)
      ids.push(...page.documents.map(({ id }) => id))
      after = page.after
    }
    expect(ids).toEqual(['note 0', 'note 1', 'note 2', 'note 3', 'note 4'])
    expect((await ask(relay, '/note', { method: 'POST', body: new Uint8Array(70_000) })).status).toBe(413)
    expect((await ask(relay, '/note', { method: 'POST', body: new Uint8Array([9, 9, 9]) })).status).toBe(422)
    // A stream is sent in chunks, without a length.
    const inChunks = (bytes: Uint8Array<ArrayBuffer>) => {
      const request = { method: 'POST', body: new Blob([bytes]).stream(), duplex: 'half' }
      return ask(relay, '/chunks', request)
    }
    expect((await inChunks(new Uint8Array(70_000))).status).toBe(413)
    expect((await inChunks(update('in chunks'))).status).toBe(204)
    expect(await (await ask(relay, '/chunks')).json()).toEqual({ text: 'in chunks' })
    expect((await ask(relay, `/${'x'.repeat(600)}`)).status).toBe(404)
    const metrics = await (await fetch(`${relay.url}/metrics`)).text()
    expect(metrics).toContain('rejoin_refusals_total{code="invalid-update"} 1')
    expect(relay.errors).toEqual([])
  })

  it('[P9] each is for who may read or write it', async () => {
    const relay = await startRelay({ auth: { secret: SECRET } })
    const [writer, reader] = [await tokenOf({}), await tokenOf({ subject: 'bob', role: 'read', documents: ['open/*'] })]
    expect((await ask(relay, '')).status).toBe(401)
    for (const id of ['open%2Fnote', 'closed']) {
      expect((await ask(relay, `/${id}`, { method: 'POST', body: update('x'), token: writer })).status).toBe(204)
    }
    expect((await ask(relay, '/open%2Fnote', { token: reader })).status).toBe(200)
    expect((await ask(relay, '/closed', { token: reader })).status).toBe(403)
    expect((await ask(relay, '/open%2Fnote', { method: 'POST', body: update('y'), token: reader })).status).toBe(403)
    expect((await ask(relay, '/open%2Fnote', { method: 'DELETE', token: reader })).status).toBe(403)
    const { documents } = (await (await ask(relay, '', { token: reader })).json()) as { documents: { id: string }[] }
    expect(documents.map(({ id }) => id)).toEqual(['open/note'])
    const other = await fetch(`${relay.url}/v1/workspaces/other/documents`, {
      headers: { Authorization: `Bearer ${writer}` },
    })
    expect(other.status).toBe(401)
  })

  it('[P10] are read with what the other relays hold, and say how many answered', async () => {
    const a = await startRelay({ peers: [] })
    const b = await startRelay({ peers: [a.url] })
    await until('they know each other', () => [a, b].every(({ relay }) => relay.mesh()?.members[0]?.up === true))
    await a.relay.edit('acme', 'note', (doc) => doc.getText('text').insert(0, 'from a'))
    const read = await ask(b, '/note')
    expect(await read.json()).toEqual({ text: 'from a' })
    expect(read.headers.get('rejoin-harvest')).toBe('2/2')
    await a.relay.close()
    await until('b knows', async () => (await ask(b, '/note')).headers.get('rejoin-harvest') === '1/2')
  })

  it('[P5] an edit that fails leaves nothing, and says so', async () => {
    const { relay } = await startRelay()
    const fails = relay.edit('acme', 'note', () => {
      throw new Error('an app of no use')
    })
    await expect(fails).rejects.toThrow('of no use')
    await expect(relay.edit('acme', '', () => {})).rejects.toThrow('invalid-id')
  })
})
