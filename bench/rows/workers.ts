/**
 * Row `workers`: the relay in workerd beside an object that only sends on what comes, on the same edits, spoken in y-websocket's protocol. workerd on
 * this machine is not the platform: rows and bytes are the same there, times are not.
 */
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { encodeUpdate } from '../../server/relay/y-protocol.ts'
import { startWorkerd } from '../../test/support/workerd.ts'
import { atMost, printFigures } from '../table.ts'

const READERS = 20
const EDITS = 2_000
const CONFIG = 'bench/workers/wrangler.toml'

interface Outcome {
  ms: number
  bytesEach: number
  rowsWritten: number
}

export async function printWorkers(): Promise<void> {
  const workerd = await startWorkerd(CONFIG)
  const rowsWritten = async (): Promise<number> => {
    const { written } = (await (await fetch(`${workerd.url}/rows`)).json()) as { written: number }
    return written
  }
  try {
    for (const path of ['room/warm', 'y/warm/note']) await run(`${workerd.socketUrl}/${path}`, rowsWritten)
    const room = await run(`${workerd.socketUrl}/room/note`, rowsWritten)
    const relay = await run(`${workerd.socketUrl}/y/bench/note`, rowsWritten)
    const work = `${EDITS} edits, one writer`
    const rate = ({ ms }: Outcome) => (EDITS * READERS * 1_000) / ms
    printFigures(`in workerd, ${READERS} readers`, 'an object that stores nothing', [
      { work, what: 'deliveries a second', rejoin: rate(relay), peer: rate(room) },
      { work, what: 'bytes a delivered edit', rejoin: relay.bytesEach, peer: room.bytesEach },
      { work, what: 'rows written an edit', rejoin: relay.rowsWritten / EDITS, peer: 0, goal: atMost(4) },
    ])
  } finally {
    await workerd.close()
  }
}

/** The writer sends as fast as it can; it is over when every reader's document has all of it. */
async function run(url: string, rowsWritten: () => Promise<number>): Promise<Outcome> {
  const frames = edits()
  const length = frames.length
  const readers = await Promise.all(Array.from({ length: READERS }, () => connect(url)))
  const writer = await connect(url)
  const before = await rowsWritten()
  const bytesBefore = readers.reduce((sum, { bytes }) => sum + bytes(), 0)
  const startMs = performance.now()
  for (const frame of frames) writer.socket.send(frame)
  await Promise.all(readers.map((reader) => reader.reads(length)))
  const ms = performance.now() - startMs
  const bytes = readers.reduce((sum, reader) => sum + reader.bytes(), 0) - bytesBefore
  const written = (await rowsWritten()) - before
  for (const { socket } of [writer, ...readers]) socket.close()
  return { ms, bytesEach: bytes / (EDITS * READERS), rowsWritten: written }
}

function edits(): Uint8Array[] {
  const doc = new Y.Doc()
  const frames: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => frames.push(encodeUpdate(update)))
  const text = doc.getText('text')
  for (let i = 0; i < EDITS; i++) text.insert(text.length, 'a')
  return frames
}

async function connect(url: string) {
  const socket = new WebSocket(url)
  const doc = new Y.Doc()
  const text = doc.getText('text')
  let bytes = 0
  let look = (): void => {}
  socket.on('message', (data: Buffer) => {
    bytes += data.length
    // sync, update: what the relay asks and says of itself is no edit.
    if (data[0] !== 0 || data[1] !== 2) return
    let at = 2
    while ((data[at++] ?? 0) > 127);
    Y.applyUpdate(doc, data.subarray(at))
    look()
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return {
    socket,
    bytes: () => bytes,
    reads: (length: number) =>
      new Promise<void>((resolve) => {
        look = () => text.length === length && resolve()
        look()
      }),
  }
}
