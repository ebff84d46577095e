/** `rejoin cat` and `rejoin tail`: a document of a running relay, read as any y-websocket client reads it. */
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { RejoinError } from '../../shared/errors.ts'
import { FRAME_BYTES_MAX } from '../../shared/limits.ts'
import { inspectUpdate } from '../../shared/update/inspect.ts'
import { decodeYMessage, encodeStep1, encodeStep2 } from '../relay/y-protocol.ts'
import { tokenProtocols } from '../target.ts'
import { toJson } from './json-view.ts'

export interface ViewOptions {
  /** Of the relay and workspace: `http://127.0.0.1:8787/acme`, or the address that a client connects to. */
  url: string
  document: string
  /** Where the relay asks for one. */
  token?: string | undefined
  /** A line of output. */
  say(line: string): void
}

/** A document is loaded whole; no relay sends more at once. */
const MESSAGE_BYTES_MAX = 512 * FRAME_BYTES_MAX
const ANSWER_WITHIN_MS = 15_000

/** The document as JSON, its root types by name, with keys in one order. Raises `bad-option`, `timeout`, and what the relay says. */
export async function catDocument(options: ViewOptions): Promise<void> {
  const doc = new Y.Doc()
  await follow(options, (update) => {
    Y.applyUpdate(doc, update)
    return false
  })
  options.say(JSON.stringify(toJson(doc), null, 2))
}

/** A line for the document as it is, and one for each update that comes, until the relay or the caller ends it. */
export async function tailDocument(options: ViewOptions): Promise<void> {
  await follow(options, (update) => {
    const { structs, deletes } = inspectUpdate(update)
    const time = new Date().toISOString()
    options.say(JSON.stringify({ time, bytes: update.length, structs: structs.length, deletes: deletes.length }))
    return true
  })
}

/** Hands over updates, the whole document first, for as long as `took` says to go on. */
function follow({ url, document, token }: ViewOptions, took: (update: Uint8Array) => boolean): Promise<void> {
  const protocols = token ? tokenProtocols(token) : []
  const socket = new WebSocket(addressOf(url, document), protocols, { maxPayload: MESSAGE_BYTES_MAX })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new RejoinError('timeout', 'the relay does not answer')), ANSWER_WITHIN_MS)
    const end = (): void => {
      clearTimeout(timer)
      socket.terminate()
    }
    function fail(error: unknown): void {
      end()
      reject(error)
    }
    socket.on('open', () => socket.send(encodeStep1(new Uint8Array([0]))))
    socket.on('message', (data: Buffer) => {
      try {
        const message = decodeYMessage(new Uint8Array(data))
        if (message.type === 'step1') socket.send(encodeStep2(new Uint8Array([0, 0])))
        if (message.type !== 'step2' && message.type !== 'update') return
        clearTimeout(timer)
        if (took(message.update)) return
        end()
        resolve()
      } catch (error) {
        fail(error)
      }
    })
    socket.on('unexpected-response', (_, { statusCode }) =>
      fail(new RejoinError('forbidden', `the relay answers with ${statusCode}`)),
    )
    socket.on('error', (error) => fail(new RejoinError('timeout', error.message)))
    socket.on('close', (code, reason) => fail(new RejoinError('closed', `the relay ends it: ${code} ${reason}`)))
  })
}

/** Raises `bad-option`. */
function addressOf(text: string, document: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const [, workspace] = /^\/(?:sync\/|y\/)?([^/]+)\/?$/.exec(url?.pathname ?? '') ?? []
  if (url === undefined || workspace === undefined || !/^(ws|http)s?:$/.test(url.protocol)) {
    throw new RejoinError(
      'bad-option',
      `${JSON.stringify(text)} is no address of a workspace, as http://127.0.0.1:8787/acme`,
    )
  }
  url.protocol = url.protocol.replace('http', 'ws')
  url.pathname = `/y/${workspace}/${encodeURIComponent(document)}`
  return url.href
}
