/**
 * Row `paused`: a hundred readers of a document that is written 20 times a second, one of which has stopped reading and is owed megabytes;
 * and the same where all read. Latency is from the writer's keystroke to the message at the others, all in one process.
 */
import WebSocket from 'ws'
import type * as Y from 'yjs'
import { FIRST_EPOCH } from '../../shared/ids.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import { PROTOCOL_VERSION } from '../../shared/wire/version.ts'
import { seeded } from '../../test/support/random.ts'
import { createRealTime } from '../systems/real-time.ts'
import { startRejoin } from '../systems/rejoin.ts'
import { atMostTimesPeer, printFigures } from '../table.ts'

const READERS = 100
const EDITS = 120
const PAUSE_MS = 50
/** More than the system's own buffers of a connection hold. */
const OWED_BYTES = 12 * 1024 * 1024
const OWED_BYTES_EACH = 512 * 1024
const SETTLED_MS = 500
/** Rounds of each, in turn: what else the machine does falls on both. */
const ROUNDS = 2

const NOTE = { document: 'document', epoch: FIRST_EPOCH, gc: true }
const time = createRealTime()

export async function printPaused(): Promise<void> {
  const p99s: Record<'paused' | 'reading', number[]> = { paused: [], reading: [] }
  for (let round = 0; round < ROUNDS; round++) {
    p99s.reading.push(await run(false))
    p99s.paused.push(await run(true))
  }
  const [rejoin, peer] = [Math.min(...p99s.paused), Math.min(...p99s.reading)]
  printFigures(`${READERS} readers, one of which does not read`, 'Rejoin where all read', [
    { work: '20 edits a second', what: 'latency p99 of the others, ms', rejoin, peer, goal: atMostTimesPeer(1.1) },
  ])
}

/** The p99 of all but the first reader. */
async function run(pauses: boolean): Promise<number> {
  const system = await startRejoin()
  const sockets: WebSocket[] = []
  try {
    const enter = async (n: number, received: (messages: readonly Message[]) => void): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${system.server.port}/sync/bench`)
      sockets.push(socket)
      await new Promise((resolve) => socket.once('open', resolve))
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) received(decodeFrame(new Uint8Array(data)))
      })
      say(socket, {
        type: 'hello',
        oldestVersion: PROTOCOL_VERSION,
        newestVersion: PROTOCOL_VERSION,
        replica: n.toString(16).padStart(16, '0'),
        scope: 'all',
        token: '',
      })
      return socket
    }
    let taken = 0
    const paused = await enter(0, () => {})
    if (pauses) paused.pause()
    const writer = await enter(READERS, (messages) => {
      for (const { type } of messages) if (type === 'stamped') taken++
    })
    let request = 0
    const open = (document: string): Y.Doc => {
      const doc = time.createDoc()
      doc.on('update', (bytes: Uint8Array) => {
        say(writer, { type: 'submit', ...NOTE, document, request: ++request, kind: 'yjs-v1', bytes })
      })
      return doc
    }
    const random = seeded(1)
    for (let owed = 0; owed < OWED_BYTES; owed += OWED_BYTES_EACH) {
      const noise = Uint8Array.from({ length: OWED_BYTES_EACH }, () => random(256))
      open(`attached/${owed}`).getMap('map').set('noise', noise)
      await time.until('it is taken', () => taken === request)
    }
    const doc = open(NOTE.document)
    const latencies: number[] = []
    let typedAt = 0
    let seen = 0
    for (let n = 1; n < READERS; n++) {
      await enter(n, (messages) => {
        for (const { type } of messages) {
          if (type !== 'entries') continue
          seen++
          latencies.push(time.now() - typedAt)
        }
      })
    }
    // What they are told when they come is none of it.
    await time.pause(SETTLED_MS)
    for (let n = 0; n < EDITS; n++) {
      const due = seen + READERS - 1
      typedAt = time.now()
      doc.getText('text').insert(n, 'x')
      await time.until('the others have the letter', () => seen >= due)
      await time.pause(PAUSE_MS)
    }
    latencies.sort((a, b) => a - b)
    return latencies[Math.floor(latencies.length * 0.99)] ?? 0
  } finally {
    for (const socket of sockets) socket.terminate()
    await system.close()
  }
}

function say(socket: WebSocket, message: Message): void {
  socket.send(encodeFrame([encodeMessage(message)]))
}
