/**
 * What a relay with the bounds of a Durable Object keeps in memory, measured on Node, which can be asked; SQLite's own memory is not
 * counted there either. Run it with `--expose-gc`: it says a line of JSON.
 */
import * as Y from 'yjs'
import { createRelayCore } from '../../server/relay/relay.ts'
import { OBJECT_LIMITS } from '../../server/runtime/object-options.ts'
import { openSqliteStore } from '../../server/storage/sqlite-file.ts'
import { CHAIN_START } from '../../shared/causality/version-vector.ts'
import { systemEnvironment } from '../../shared/environment.ts'
import { toEntries } from '../../shared/sync/runs.ts'
import type { UpdateRecord } from '../../shared/update/record.ts'
import { seal } from '../../shared/update/seal.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import { PROTOCOL_VERSION } from '../../shared/wire/version.ts'
import { refTo } from '../contract/relay-store.ts'

const SOCKETS = 200
const DOCUMENTS = 20
const RECORDS = 64
const RECORD_BYTES = 8 * 1024
const ALICE = 'a'.repeat(16)

async function megabytes(): Promise<number> {
  // What is outside of the heap goes a turn after what holds it.
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1024 / 1024
}

const commits: (() => void)[] = []
const core = createRelayCore({
  openStore: openSqliteStore,
  environment: systemEnvironment,
  limits: OBJECT_LIMITS,
  soon: (commit) => commits.push(commit),
  report: (error) => {
    throw error
  },
  noted: () => {},
})

function connect(replica: string) {
  const handler = core.sync(':memory:', { send() {}, sendText() {}, buffered: () => 0, close() {} })
  const say = (...messages: Message[]): void => {
    handler.received(encodeFrame(messages.map(encodeMessage)))
    for (const commit of commits.splice(0)) commit()
  }
  const versions = { oldestVersion: PROTOCOL_VERSION, newestVersion: PROTOCOL_VERSION }
  say({ type: 'hello', ...versions, replica, scope: 'all', token: '' })
  return say
}

function write(say: (...messages: Message[]) => void, document: string): number {
  const where = refTo(document)
  const doc = new Y.Doc()
  let last: UpdateRecord | undefined
  let bytes = 0
  doc.on('update', (update) => {
    const next = { origin: ALICE, seq: (last?.seq ?? 0) + 1, kind: 'yjs-v1' as const, bytes: update }
    last = seal(where, next, last?.chain ?? CHAIN_START)
    bytes += update.length
    say(toEntries(where, [last], 0))
  })
  for (let i = 0; i < RECORDS; i++) {
    const text = Buffer.from(systemEnvironment.randomBytes((RECORD_BYTES * 3) / 4)).toString('base64')
    doc.getText('text').insert(0, text)
  }
  doc.destroy()
  return bytes
}

const before = await megabytes()
const alice = connect(ALICE)
let logBytes = 0
for (let i = 0; i < DOCUMENTS; i++) logBytes += write(alice, `notes/${i}`)
const withLog = await megabytes()
const state = JSON.stringify({ name: 'somebody', cursor: 'x'.repeat(150) })
const awareness = (client: number): Uint8Array =>
  Uint8Array.from([1, client & 127, 1, ...encodeLength(state.length), ...Buffer.from(state)])
const encodeLength = (length: number): number[] => [(length & 127) | 128, length >> 7]
for (let i = 0; i < SOCKETS; i++) {
  const say = connect(i.toString(16).padStart(16, '0'))
  const note = refTo(`notes/${i % DOCUMENTS}`)
  say({ type: 'open', ...note }, { type: 'awareness', ...note, bytes: awareness(i) })
}
const withSockets = await megabytes()
console.log(
  JSON.stringify({ logBytes, log: withLog - before, sockets: withSockets - withLog, all: withSockets - before }),
)
core.close()
