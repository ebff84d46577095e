/**
 * Row `reconnect`: somebody with many documents comes back, at Rejoin to another relay that holds the same and has never seen
 * them, at the peers to the same server. Nothing has changed; then 10 documents have.
 */
import {
  type ManySystem,
  type Return,
  startManyHocuspocus,
  startManyRejoin,
  startManyYWebsocket,
} from '../systems/many.ts'
import { atMost, type Figure, type Goal, printFigures } from '../table.ts'

const DOCUMENTS = 5_000
/** Peers take a socket or a Y.Doc for each: they are measured with fewer, and their figures multiplied. */
const PEER_DOCUMENTS = 500
const CHANGED = 10
const ADDED = 'Somebody changed it since. '
const TIMES = 3

interface Returns {
  name: string
  unchanged: Return
  changed: Return
}

export async function printReconnect([documents = String(DOCUMENTS)]: readonly string[]): Promise<void> {
  const count = Number(documents)
  const peerCount = Math.min(count, PEER_DOCUMENTS)
  const rejoin = await measure(await startManyRejoin(count))
  for (const start of [startManyYWebsocket, startManyHocuspocus]) {
    const peer = scaled(await measure(await start(peerCount)), count / peerCount)
    const how =
      peerCount < count
        ? `${peer.name}, measured with ${peerCount} documents and multiplied by ${count / peerCount}`
        : peer.name
    printFigures(`${count} documents, coming back`, how, figures(rejoin, peer))
  }
}

async function measure(system: ManySystem): Promise<Returns> {
  try {
    const unchanged = await median(system)
    await system.change(CHANGED, ADDED)
    return { name: system.name, unchanged, changed: await system.comeBack() }
  } finally {
    await system.close()
  }
}

async function median(system: ManySystem): Promise<Return> {
  const all: Return[] = []
  for (let n = 0; n < TIMES; n++) all.push(await system.comeBack())
  all.sort((a, b) => a.ms - b.ms)
  return all[TIMES >> 1] as Return
}

function scaled({ name, unchanged, changed }: Returns, factor: number): Returns {
  const each = (of: (from: Return) => number) => {
    const [base, more] = [of(unchanged), of(changed) - of(unchanged)]
    // What has changed is not more where there are more documents.
    return { unchanged: base * factor, changed: base * factor + more }
  }
  const names = ['bytesUp', 'bytesDown', 'messagesUp', 'messagesDown', 'roundTrips', 'ms', 'sockets'] as const
  const fields = names.map((field) => [field, each((from) => from[field])] as const)
  const of = (which: 'unchanged' | 'changed') =>
    Object.fromEntries(fields.map(([field, value]) => [field, value[which]])) as unknown as Return
  const sockets = unchanged.sockets === 1 ? { sockets: 1 } : {}
  return { name, unchanged: { ...of('unchanged'), ...sockets }, changed: { ...of('changed'), ...sockets } }
}

/** What a changed document has to bring: its new text, and some 60 bytes of what Yjs and a record say of it. */
const CHANGED_BYTES = CHANGED * (ADDED.length + 60)

function figures(rejoin: Returns, peer: Returns): Figure[] {
  const fifth: Goal = {
    text: 'at most a fifth',
    isReached: (ours, theirs) => theirs !== undefined && ours <= theirs / 5,
  }
  const rows = (work: string, ours: Return, theirs: Return, bytesMax: number, tripsMax?: number): Figure[] => [
    { work, what: 'bytes', rejoin: bytesOf(ours), peer: bytesOf(theirs), goal: atMost(bytesMax) },
    { work, what: 'messages', rejoin: messagesOf(ours), peer: messagesOf(theirs) },
    { work, what: 'round trips', rejoin: ours.roundTrips, goal: tripsMax === undefined ? undefined : atMost(tripsMax) },
    { work, what: 'sockets', rejoin: ours.sockets, peer: theirs.sockets },
    { work, what: 'ms', rejoin: ours.ms, peer: theirs.ms, goal: fifth },
  ]
  return [
    ...rows('nothing changed', rejoin.unchanged, peer.unchanged, 1024, 1),
    ...rows(`${CHANGED} changed`, rejoin.changed, peer.changed, 2 * CHANGED_BYTES + 1024),
  ]
}

const bytesOf = ({ bytesUp, bytesDown }: Return): number => bytesUp + bytesDown
const messagesOf = ({ messagesUp, messagesDown }: Return): number => messagesUp + messagesDown
