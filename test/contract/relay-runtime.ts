/**
 * What every relay promises to those who talk to it, whatever runs it: a process, a server of somebody else's, a Durable Object. A
 * runtime's test calls `testRelayRuntime` with a way to start one.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { afterAll, afterEach, beforeAll, describe, expect, test as testOnce } from 'vitest'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'
import { openWorkspace, type Workspace, type WorkspaceOptions } from '../../client/workspace.ts'

export interface RelayUnderTest {
  /** Where it answers, as `http://127.0.0.1:8787`. Anybody may write there: it asks for no token. */
  url: string
  /** Ends it, the harder the better, and starts it anew at the same address with what it has stored. */
  restart(): Promise<void>
  close(): Promise<void>
}

const TEST_MS_MAX = 60_000
/** In all suites of this process. */
let people = 0

/** What takes longer than this does not come. */
const LATE_MS = 30_000
const LOOK_AGAIN_MS = 10

/** Starts one relay for the whole suite; each test has a workspace of its own there. */
export function testRelayRuntime(name: string, start: () => Promise<RelayUnderTest>): void {
  describe(`the relay ${name}`, () => {
    let relay: RelayUnderTest
    const cleanups: (() => unknown)[] = []

    const socketUrl = (): string => relay.url.replace('http', 'ws')
    const test = (title: string, body: () => Promise<void>): void => testOnce(title, { timeout: TEST_MS_MAX }, body)

    async function open(id: string, options: Partial<WorkspaceOptions> = {}): Promise<Workspace> {
      // Tabs of one user share a channel: these are different people.
      const user = `person ${people++}`
      const workspace = await openWorkspace({ id, user, relays: [socketUrl()], storage: 'memory', ...options })
      cleanups.push(() => workspace.close())
      return workspace
    }

    function openStock(workspace: string, document: string): StockClient {
      const client = createStockClient(`${socketUrl()}/y/${workspace}/${document}`)
      cleanups.push(client.close)
      return client
    }

    const ask = (workspace: string, path = '', init?: RequestInit): Promise<Response> =>
      fetch(`${relay.url}/v1/workspaces/${workspace}/documents${path}`, init)

    beforeAll(async () => {
      relay = await start()
    }, TEST_MS_MAX)
    afterEach(async () => {
      while (cleanups.length > 0) await cleanups.pop()?.()
    })
    afterAll(() => relay.close(), TEST_MS_MAX)

    test('[P1] all who write a document have the same, also who comes later', async () => {
      const [ada, bob] = [await open('same'), await open('same')]
      const [one, other] = [ada.open('note').doc, bob.open('note').doc]
      one.getText('text').insert(0, 'hello')
      other.getMap('map').set('key', { deep: [1, null] })
      await until('both have both', () => other.getText('text').length === 5 && one.getMap('map').size === 1)
      other.getText('text').delete(0, 4)
      other.getText('text').insert(1, 'k', { bold: true })
      await until('both have that', () => one.getText('text').toString() === 'ok')
      expect(one.getText('text').toDelta()).toEqual([{ insert: 'o' }, { insert: 'k', attributes: { bold: true } }])
      const late = (await open('same')).open('note')
      await late.whenSynced
      expect(late.doc.getText('text').toString()).toBe('ok')
      expect(late.doc.getMap('map').toJSON()).toEqual({ key: { deep: [1, null] } })
    })

    test('[P2] what it has acknowledged outlives it', async () => {
      const ada = await open('kept')
      const note = ada.open('note')
      note.doc.getText('text').insert(0, 'kept')
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
      await ada.close()
      await relay.restart()
      const late = (await open('kept')).open('note')
      await until('it is there', () => late.doc.getText('text').toString() === 'kept')
    })

    test('[P3] who types while it is started anew goes on, and all is there once', async () => {
      const note = (await open('cut')).open('note')
      const numbers = note.doc.getArray<number>('numbers')
      const all = Array.from({ length: 60 }, (_, number) => number)
      let restarted: Promise<void> | undefined
      for (const number of all) {
        numbers.push([number])
        if (number === 20) restarted = relay.restart()
        await passed(5)
      }
      await restarted
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
      const late = (await open('cut')).open('note')
      await until('all is there', () => late.doc.getArray('numbers').length >= all.length)
      expect(late.doc.getArray('numbers').toArray()).toEqual(all)
    })

    test('[P11] a document of a megabyte and a half comes whole, and takes more', async () => {
      const note = (await open('large')).open('note')
      const text = Array.from({ length: 150_000 }, (_, at) => `${at}`.padStart(10)).join('')
      for (let at = 0; at < text.length; at += 100_000) {
        note.doc.getText('text').insert(at, text.slice(at, at + 100_000))
      }
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
      const late = (await open('large')).open('note')
      await late.whenSynced
      expect(late.doc.getText('text').toString()).toBe(text)
      late.doc.getText('text').insert(0, '!')
      await until('it comes back', () => note.doc.getText('text').length === text.length + 1)
    })

    test('[P1] a stock y-websocket client and a client of Rejoin have the same', async () => {
      const stock = openStock('both', 'notes/today')
      stock.doc.getText('text').insert(0, 'from y')
      const note = (await open('both')).open('notes/today')
      await until('what it wrote comes', () => note.doc.getText('text').toString() === 'from y')
      note.doc.getText('text').insert(6, ', hello')
      await until('the answer comes', () => stock.doc.getText('text').toString() === 'from y, hello')
    })

    test('who is there is shown to all, and is gone when they go', async () => {
      const [ada, bob] = [await open('there'), await open('there')]
      const [note, other] = [ada.open('note'), bob.open('note')]
      const stock = openStock('there', 'note')
      const names = (awareness: Awareness): string =>
        [...awareness.getStates().values()]
          .flatMap(({ name: shown }) => shown ?? [])
          .sort()
          .join()
      await Promise.all([note.whenSynced, other.whenSynced])
      note.awareness.setLocalState({ name: 'ada' })
      other.awareness.setLocalState({ name: 'bob' })
      stock.awareness.setLocalState({ name: 'stock' })
      for (const { awareness } of [note, other, stock])
        await until('all show', () => names(awareness) === 'ada,bob,stock')
      await bob.close()
      stock.close()
      await until('they are gone', () => names(note.awareness) === 'ada')
    })

    test('[P2] programs read, write and delete documents by plain requests', async () => {
      const note = (await open('programs')).open('note')
      await note.whenSynced
      const doc = new Y.Doc()
      doc.getText('text').insert(0, 'hello')
      const missing = await ask('programs', '/none')
      expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 'not-found' } }])
      const body = new Uint8Array(Y.encodeStateAsUpdate(doc))
      expect((await ask('programs', '/note', { method: 'POST', body })).status).toBe(204)
      await until('the client has it', () => note.doc.getText('text').toString() === 'hello')
      const read = await ask('programs', '/note')
      expect([await read.json(), read.headers.get('Rejoin-Harvest')]).toEqual([
        { text: 'hello' },
        expect.stringMatching(/^\d+\/\d+$/),
      ])
      expect(await (await ask('programs')).json()).toMatchObject({ documents: [{ id: 'note' }] })
      expect((await ask('programs', '/note', { method: 'DELETE' })).status).toBe(204)
      expect((await ask('programs', '/note')).status).toBe(404)
    })

    test('what one deletes is deleted for all, and can begin anew', async () => {
      const [ada, bob] = [await open('deleted'), await open('deleted')]
      const note = ada.open('note')
      note.doc.getText('text').insert(0, 'old')
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
      const other = bob.open('note')
      await until('the other has it', () => other.doc.getText('text').toString() === 'old')
      const heard = new Promise((resolve) => bob.on('deleted', resolve))
      await ada.delete('note')
      await heard
      const late = (await open('deleted')).open('note')
      await late.whenSynced
      expect(late.doc.getText('text').toString()).toBe('')
      late.doc.getText('text').insert(0, 'new')
      await late.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
    })

    test('[P9] workspaces stay apart, and so do documents', async () => {
      const [here, there] = [await open('apart-1'), await open('apart-2')]
      const note = here.open('note')
      note.doc.getText('text').insert(0, 'here')
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
      const [same, next] = [there.open('note'), here.open('next')]
      await Promise.all([same.whenSynced, next.whenSynced])
      expect([same, next].map(({ doc }) => doc.getText('text').toString())).toEqual(['', ''])
    })

    test('[P5][P9] what nobody understands ends its connection, and no other one', async () => {
      const note = (await open('bad')).open('note')
      await note.whenSynced
      for (const path of ['/sync/bad', '/y/bad/note']) {
        const socket = new WebSocket(`${socketUrl()}${path}`)
        const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
        socket.addEventListener('open', () => socket.send(Uint8Array.from({ length: 64 }, (_, at) => 255 - at)))
        // Not 1006, which says that the other side just went.
        expect([1002, 1003, 1007, 1008, 1009].includes(await closed) || (await closed) >= 4000).toBe(true)
      }
      note.doc.getText('text').insert(0, 'on')
      await note.saved('relay', { signal: AbortSignal.timeout(LATE_MS) })
    })

    test('[P5] says how it is, and refuses with a code what it does not serve', async () => {
      for (const path of ['/healthz', '/readyz']) expect((await fetch(`${relay.url}${path}`)).status).toBe(200)
      expect((await fetch(`${relay.url}/sync/x`)).status).toBe(426)
      const nowhere = await fetch(`${relay.url}/v1/nowhere`)
      expect([nowhere.status, await nowhere.json()]).toMatchObject([404, { error: { code: 'not-found' } }])
    })
  })
}

interface StockClient {
  doc: Y.Doc
  awareness: Awareness
  close(): void
}

const SYNC = 0
const AWARENESS = 1

/** What an unmodified `WebsocketProvider` says, as far as it matters here. */
function createStockClient(url: string): StockClient {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  awareness.setLocalState(null)
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const isOpen = (): boolean => socket.readyState === socket.OPEN
  const send = (type: number, write: (encoder: encoding.Encoder) => void): void => {
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, type)
    write(encoder)
    if (isOpen()) socket.send(encoding.toUint8Array(encoder))
  }
  const sendAwareness = (clients: number[]): void =>
    send(AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, encodeAwarenessUpdate(awareness, clients)))
  socket.addEventListener('open', () => {
    send(SYNC, (encoder) => writeSyncStep1(encoder, doc))
    if (awareness.getLocalState() !== null) sendAwareness([doc.clientID])
  })
  socket.addEventListener('message', ({ data }) => {
    const decoder = decoding.createDecoder(new Uint8Array(data))
    const type = decoding.readVarUint(decoder)
    if (type === AWARENESS) return applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), socket)
    if (type !== SYNC) return
    const answer = encoding.createEncoder()
    encoding.writeVarUint(answer, SYNC)
    readSyncMessage(decoder, answer, doc, socket)
    if (encoding.length(answer) > 1) socket.send(encoding.toUint8Array(answer))
  })
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== socket) send(SYNC, (encoder) => writeUpdate(encoder, update))
  })
  awareness.on('update', (_changes: unknown, origin: unknown) => {
    if (origin === 'local') sendAwareness([doc.clientID])
  })
  return {
    doc,
    awareness,
    close() {
      awareness.destroy()
      socket.close()
    },
  }
}

const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + LATE_MS
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${LATE_MS} ms: ${what}`)
    await passed(LOOK_AGAIN_MS)
  }
}
