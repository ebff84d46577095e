/** A bare Rejoin client inside of workerd: it says what the test says, and keeps what it was told. */
import { env, exports } from 'cloudflare:workers'
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import type { DocumentRef, UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message, Place } from '../../../shared/wire/messages.ts'
import { PROTOCOL_VERSION } from '../../../shared/wire/version.ts'

export const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }

/** The object of a workspace. */
export const objectOf = (workspace: string, region = 'weur') => env.RELAY.getByName(`${region}/${workspace}`)

/** Somebody who types a letter at a time, each a record. */
export function typist(origin: string): () => UpdateRecord {
  const doc = new Y.Doc()
  const text = doc.getText('text')
  let update = new Uint8Array()
  let last: UpdateRecord | undefined
  doc.on('update', (bytes) => {
    update = new Uint8Array(bytes)
  })
  return () => {
    text.insert(text.length, 'a')
    last = seal(NOTE, { origin, seq: (last?.seq ?? 0) + 1, kind: 'yjs-v1', bytes: update }, last?.chain ?? CHAIN_START)
    return last
  }
}

export interface BareClient {
  readonly received: Message[]
  readonly closed: Promise<number>
  send(...messages: readonly Message[]): void
  entries(where: DocumentRef, records: readonly UpdateRecord[]): void
  /** Resolves to the next message of a type that was not waited for before; rejects where the socket closes. */
  next<T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>>
  /** Bytes of the frames that came before the first message of a type; of all, where none came. */
  bytesBefore(type: Message['type']): number
  close(): void
}

/** With a region it comes to the object there, whatever the Worker would choose. */
export async function connect(
  workspace: string,
  replica: string,
  { place, region }: { place?: Place; region?: string } = {},
): Promise<BareClient> {
  const request = new Request(`http://127.0.0.1/sync/${workspace}`, { headers: { Upgrade: 'websocket' } })
  const there = region === undefined ? exports.default : objectOf(workspace, region)
  const { webSocket } = await there.fetch(request)
  if (webSocket === null) throw new Error('no WebSocket was granted')
  const received: Message[] = []
  const frames: { bytes: number; messages: Message[] }[] = []
  const waited = new Set<Message>()
  const { promise: closed, resolve: close } = Promise.withResolvers<number>()
  let look = (): void => {}
  webSocket.addEventListener('message', ({ data }) => {
    if (typeof data !== 'string') {
      const bytes = new Uint8Array(data as ArrayBuffer)
      const messages = decodeFrame(bytes)
      frames.push({ bytes: bytes.length, messages })
      received.push(...messages)
    }
    look()
  })
  webSocket.addEventListener('close', ({ code }) => close(code))
  webSocket.binaryType = 'arraybuffer'
  webSocket.accept()
  const client: BareClient = {
    received,
    closed,
    send: (...messages) => webSocket.send(encodeFrame(messages.map(encodeMessage))),
    entries: (where, records) => client.send(toEntries(where, records, 0)),
    next<T extends Message['type']>(type: T) {
      const { promise, resolve, reject } = Promise.withResolvers<Extract<Message, { type: T }>>()
      closed.then((code) => reject(new Error(`closed with ${code}`)))
      look = () => {
        const found = received.find((message) => message.type === type && !waited.has(message))
        if (found === undefined) return
        waited.add(found)
        resolve(found as Extract<Message, { type: T }>)
      }
      look()
      return promise
    },
    bytesBefore(type) {
      const end = frames.findIndex(({ messages }) => messages.some((message) => message.type === type))
      return frames.slice(0, end < 0 ? undefined : end).reduce((sum, { bytes }) => sum + bytes, 0)
    },
    close: () => webSocket.close(1000),
  }
  const [oldestVersion, newestVersion] = [PROTOCOL_VERSION, PROTOCOL_VERSION]
  client.send({ type: 'hello', oldestVersion, newestVersion, replica, scope: 'all', place, token: '' })
  return client
}
