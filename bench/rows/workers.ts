/**
 * Row `workers`: the relay in workerd beside y-partyserver, each in a Durable Object with SQLite, on the same edits, spoken in y-websocket's
 * protocol; and what a relay costs there. workerd on this machine is not the platform: rows, bytes and requests are the same there, times are not.
 */
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { encodeUpdate } from '../../server/relay/y-protocol.ts'
import { startWorkerd, type WorkerdRelay } from '../../test/support/workerd.ts'
import type { Meter } from '../systems/metered.ts'
import { cpuMsOf, workerdOf } from '../systems/processes.ts'
import { atMost, printFigures } from '../table.ts'
import { printWorkerMemory } from './workers-memory.ts'

const READERS = 20
const EDITS = 2_000
const CONFIG = 'bench/workers/wrangler.toml'
/** How fast somebody types whose costs are told. */
const KEY_EVERY_MS = 100
const KEYS = 150
/** Until then y-partyserver has stored, as it is set. */
const STORED_WITHIN_MS = 15_000

interface Outcome extends Meter {
  ms: number
  bytesEach: number
  cpuMs: number | undefined
}

export async function printWorkers(): Promise<void> {
  await within(async (workerd) => {
    for (const path of ['party/warm', 'y/warm/note']) await run(workerd, path, READERS, 0)
    const party = await run(workerd, 'party/note', READERS, 0)
    const relay = await run(workerd, 'y/bench/note', READERS, 0)
    const work = `${EDITS} edits, one writer`
    const rate = ({ ms }: Outcome) => (EDITS * READERS * 1_000) / ms
    const [rows, peerRows] = [relay.rowsWritten / EDITS, party.rowsWritten / EDITS]
    printFigures(`in workerd, ${READERS} readers`, 'y-partyserver', [
      { work, what: 'deliveries a second', rejoin: rate(relay), peer: rate(party) },
      { work, what: 'bytes a delivered edit', rejoin: relay.bytesEach, peer: party.bytesEach },
      { work, what: 'rows written an edit', rejoin: rows, peer: peerRows, goal: atMost(4) },
      { work, what: 'bytes stored an edit', rejoin: relay.bytesWritten / EDITS, peer: party.bytesWritten / EDITS },
    ])
  })
  // In one of their own: all objects are metered together, and those that were busy have more to do afterwards.
  const keys = await within((workerd) => run(workerd, 'y/typing/note', 1, KEY_EVERY_MS, KEYS))
  const peerKeys = await within((workerd) => run(workerd, 'party/typing', 1, KEY_EVERY_MS, KEYS))
  const scaled = (value: number | undefined) => value && (value * 1_000) / KEYS
  const figure = (what: string, value: (from: Outcome) => number | undefined) => ({
    work: `a letter every ${KEY_EVERY_MS} ms, one reader`,
    what,
    rejoin: scaled(value(keys)),
    peer: scaled(value(peerKeys)),
  })
  printFigures('billed for 1,000 edits', 'y-partyserver', [
    figure('rows written', ({ rowsWritten }) => rowsWritten),
    figure('rows read', ({ rowsRead }) => rowsRead),
    figure('requests', ({ messages, calls }) => messages / 20 + calls),
    figure('ms awake and waiting', ({ awakeMs }) => awakeMs),
    figure('ms of CPU', ({ cpuMs }) => cpuMs),
  ])
  await printWorkerMemory()
}

async function within<R>(act: (workerd: WorkerdRelay) => Promise<R>): Promise<R> {
  const workerd = await startWorkerd(CONFIG)
  try {
    return await act(workerd)
  } finally {
    await workerd.close()
  }
}

/** The writer sends as fast as it can, or a letter in so many ms; it is over when every reader's document has all of it. */
async function run(
  { url, socketUrl }: WorkerdRelay,
  path: string,
  count: number,
  everyMs: number,
  edits: number = EDITS,
): Promise<Outcome> {
  const metered = async () => (await (await fetch(`${url}/meter`)).json()) as Meter
  const frames = framesOf(edits)
  const readers = await Promise.all(Array.from({ length: count }, () => connect(`${socketUrl}/${path}`)))
  const writer = await connect(`${socketUrl}/${path}`)
  const pid = workerdOf(process.pid)
  const [before, cpuBefore] = [await metered(), cpuMsOf(pid)]
  const bytesBefore = readers.reduce((sum, { bytes }) => sum + bytes(), 0)
  const startMs = performance.now()
  for (const frame of frames) {
    writer.socket.send(frame)
    if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  await Promise.all(readers.map((reader) => reader.reads(edits)))
  const endMs = performance.now()
  const cpuAfter = cpuMsOf(pid)
  const bytes = readers.reduce((sum, reader) => sum + reader.bytes(), 0) - bytesBefore
  let after = await metered()
  while (after.rowsWritten === before.rowsWritten && performance.now() - endMs < STORED_WITHIN_MS)
    after = await metered()
  for (const { socket } of [writer, ...readers]) socket.close()
  const names = Object.keys(after) as (keyof Meter)[]
  const used = Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as Meter
  const cpuMs = cpuAfter === undefined || cpuBefore === undefined ? undefined : cpuAfter - cpuBefore
  return { ...used, ms: endMs - startMs, bytesEach: bytes / (edits * count), cpuMs }
}

function framesOf(edits: number): Uint8Array[] {
  const doc = new Y.Doc()
  const frames: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => frames.push(encodeUpdate(update)))
  const text = doc.getText('text')
  for (let i = 0; i < edits; i++) text.insert(text.length, 'a')
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
