/** A bare Rejoin client on a relay without sockets: it says what the test says, and keeps what it was told. */
import type { KeptSync } from '../../../server/relay/connection.ts'
import { toEntries } from '../../../shared/sync/runs.ts'
import type { DocumentRef, UpdateRecord } from '../../../shared/update/record.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message, Place, Scope } from '../../../shared/wire/messages.ts'
import { PROTOCOL_VERSION } from '../../../shared/wire/version.ts'
import type { Bench, Socket } from './bench.ts'

export interface RejoinClient {
  socket: Socket
  hello(place?: Place, scope?: Scope, token?: string): void
  send(...messages: readonly Message[]): void
  entries(where: DocumentRef, records: readonly UpdateRecord[]): void
  /** All that it was told, in order; of one type, if given. */
  received(): Message[]
  received<T extends Message['type']>(type: T): Extract<Message, { type: T }>[]
  /** Forgets what it was told. */
  forget(): void
}

export function rejoinClient(bench: Bench, workspace: string, replica: string, kept?: KeptSync): RejoinClient {
  const socket = bench.sync(workspace, kept)
  const send = (...messages: readonly Message[]) => socket.send(encodeFrame(messages.map(encodeMessage)))

  function received(): Message[]
  function received<T extends Message['type']>(type: T): Extract<Message, { type: T }>[]
  function received(type?: Message['type']): Message[] {
    const all = socket.sent.flatMap(decodeFrame)
    return type === undefined ? all : all.filter((message) => message.type === type)
  }

  return {
    socket,
    hello(place, scope = 'all', token = '') {
      const [oldestVersion, newestVersion] = [PROTOCOL_VERSION, PROTOCOL_VERSION]
      send({ type: 'hello', oldestVersion, newestVersion, replica, scope, place, token })
    },
    send,
    entries: (where, records) => send(toEntries(where, records, 0)),
    received,
    forget() {
      socket.sent.length = 0
    },
  }
}
