/** Relays that know who somebody is, without sockets, and what tests say to them. */
import * as Y from 'yjs'
import { CHAIN_START } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { deflatePiece } from '../../../shared/update/deflate-piece.ts'
import type { DocumentRef, UpdateRecord } from '../../../shared/update/record.ts'
import { seal } from '../../../shared/update/seal.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { createBench } from './bench.ts'
import { type RejoinClient, rejoinClient } from './rejoin-client.ts'
import { until } from './support.ts'

export const NOTE: DocumentRef = { document: 'note', epoch: FIRST_EPOCH, gc: true }
export const ALICE = 'a'.repeat(16)
export const BOB = 'b'.repeat(16)

/** Somebody who types, each time an update of its own. */
export function writer(client: number) {
  const doc = new Y.Doc()
  doc.clientID = client
  let last = new Uint8Array()
  doc.on('update', (update: Uint8Array) => {
    last = update as Uint8Array<ArrayBuffer>
  })
  return {
    doc,
    type(text: string, at = doc.getText('text').length): Uint8Array {
      doc.getText('text').insert(at, text)
      return last
    },
    erase(at: number, length: number): Uint8Array {
      doc.getText('text').delete(at, length)
      return last
    },
    read(update: Uint8Array) {
      Y.applyUpdate(doc, update)
      // Yjs gives up an id that somebody else uses; a forger would not.
      doc.clientID = client
    },
    all: () => Y.encodeStateAsUpdate(doc),
  }
}

/** Records of one origin, one after the other. */
export function sealer(origin: string, from?: UpdateRecord) {
  let last = from
  return (bytes: Uint8Array, where = NOTE): UpdateRecord => {
    last = seal(where, { origin, seq: (last?.seq ?? 0) + 1, kind: 'yjs-v1', bytes }, last?.chain ?? CHAIN_START)
    return last
  }
}

/** A relay where the token is the subject, and `admin` is one. */
export function guarded(open?: Parameters<typeof createBench>[0]) {
  return createBench(open, {}, undefined, {
    authenticate: ({ token }) => ({ subject: token, role: token === 'admin' ? 'admin' : 'write' }),
  })
}

export type Bench = ReturnType<typeof guarded>

export async function enter(bench: Bench, subject: string, replica: string): Promise<RejoinClient> {
  const client = rejoinClient(bench, 'acme', replica)
  client.hello(undefined, 'all', subject)
  await until('it is greeted', () => client.received('welcome').length === 1)
  client.forget()
  return client
}

export function codes(client: RejoinClient): string[] {
  return client.received().map((message: Message) => (message.type === 'refused' ? message.code : message.type))
}

/** What it is told of these. */
export function answers(bench: Bench, client: RejoinClient, records: readonly UpdateRecord[]): string[] {
  client.forget()
  client.entries(NOTE, records)
  bench.commit()
  return codes(client)
}

export function submitted(bench: Bench, client: RejoinClient, bytes: Uint8Array): string[] {
  client.forget()
  client.send({ type: 'submit', ...NOTE, request: 1, kind: 'yjs-v1', bytes })
  bench.commit()
  return codes(client)
}

export function piece(update: Uint8Array, vector: Record<string, [number, string]>): Message {
  const heads = new Map(Object.entries(vector).map(([origin, [seq, chain]]) => [origin, { seq, chain }]))
  const { size, bytes } = deflatePiece(update)
  const id = '0123456789abcdef'
  return { type: 'piece', ...NOTE, through: 0, id, index: 0, count: 1, size, bytes, vector: heads, base: new Map() }
}
