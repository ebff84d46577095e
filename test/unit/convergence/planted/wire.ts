/** Bugs on the way between client and relay. */
import * as Y from 'yjs'
import type { Dial } from '../../../../client/connection/socket.ts'
import { decodeFrame, encodeFrame, encodeMessage } from '../../../../shared/wire/codec.ts'
import type { Message } from '../../../../shared/wire/messages.ts'
import type { Chance } from '../../../sim/index.ts'
import { NETWORK, type PlantedBug } from './bug.ts'

export const WIRE_BUGS: Readonly<Record<string, PlantedBug>> = {
  'answer lost': {
    what: 'the records that a version vector lacks are never sent, and the vector after them is',
    faults: NETWORK,
    bend: {
      dial: (dial) =>
        filtering(dial, 'down', (message) =>
          (message.type === 'entries' || message.type === 'piece') && message.through === 0 ? undefined : message,
        ),
    },
  },
  'lost delete-only update': {
    what: 'updates that hold only deletions do not reach the relay',
    faults: [],
    bend: { dial: (dial) => filtering(dial, 'up', withoutDeletions) },
  },
  'changed on the way': {
    what: 'a record is changed on its way and the frame sealed anew',
    faults: [],
    bend: { dial: (dial, chance) => filtering(dial, 'up', (message) => flipped(message, chance, 0.05)) },
  },
  'checksum of frames not verified': {
    what: 'a damaged frame is taken for a sound one',
    faults: ['damage'],
    bend: { dial: (dial) => resealing(dial) },
  },
  'receipt lost': {
    what: 'an acknowledgement never comes',
    faults: [],
    bend: { dial: (dial) => filtering(dial, 'down', (message) => (message.type === 'ack' ? undefined : message)) },
  },
  'receipt too early': {
    what: 'an acknowledgement names a record beyond what the relay holds',
    faults: NETWORK,
    bend: {
      dial: (dial) =>
        filtering(dial, 'down', (message) => (message.type === 'ack' ? { ...message, seq: message.seq + 1 } : message)),
    },
  },
  'gap skipped': {
    what: 'records that others wrote are lost on the way while the place moves on',
    faults: [],
    bend: {
      dial: (dial, chance) =>
        filtering(dial, 'down', (message) =>
          message.type === 'entries' && message.through > 0 && chance.happens(0.1) ? { ...message, runs: [] } : message,
        ),
    },
  },
  'always resumed': {
    what: 'a relay takes every place for valid',
    faults: ['relay restore', 'break'],
    bend: {
      dial: (dial) =>
        filtering(dial, 'down', (message) => (message.type === 'welcome' ? { ...message, resumed: true } : message)),
    },
  },
  'digest result ignored': {
    what: 'a client that was told by digest which documents differ goes on as if none did',
    faults: NETWORK,
    // Fewer are compared by catalog.
    world: { documents: 12 },
    bend: { dial: afterDigest },
  },
}

/** What is asked for because of a digest is answered on the spot: there is nothing else. */
function afterDigest(dial: Dial): Dial {
  return (url, handlers) => {
    let hasDigest = false
    let isSettled = false
    const watched = filtering(dial, 'down', (message) => {
      hasDigest ||= message.type === 'digest'
      isSettled ||= message.type === 'ack' || message.type === 'stamped'
      return message
    })
    const asking = filtering(watched, 'up', (message) => {
      if (message.type !== 'vector' || !message.reply || !hasDigest || isSettled) return message
      const { type, document, epoch, gc, vector } = message
      const answer = encodeMessage({ type, document, epoch, gc, vector, reply: false })
      queueMicrotask(() => handlers.received(encodeFrame([answer])))
      return undefined
    })
    return asking(url, handlers)
  }
}

/** Now and then records get lost on their way to a relay, and nobody is told. */
export const losingEntries = (dial: Dial, chance: Chance): Dial =>
  filtering(dial, 'up', (message) => (message.type === 'entries' && chance.happens(0.1) ? undefined : message))

/** Changes messages of one direction, or leaves them out, and seals the frame anew. */
function filtering(dial: Dial, direction: 'up' | 'down', change: (message: Message) => Message | undefined): Dial {
  const filter = (data: Uint8Array | string): Uint8Array | string | undefined => {
    if (typeof data === 'string') return data
    try {
      const messages = decodeFrame(data).flatMap((message) => change(message) ?? [])
      return messages.length === 0 ? undefined : encodeFrame(messages.map(encodeMessage))
    } catch {
      return data
    }
  }
  return (url, handlers) => {
    const received = (data: Uint8Array | string): void => {
      const changed = direction === 'down' ? filter(data) : data
      if (changed !== undefined) handlers.received(changed)
    }
    const socket = dial(url, { ...handlers, received })
    return {
      ...socket,
      send(data) {
        const changed = direction === 'up' ? filter(data) : data
        if (changed !== undefined) socket.send(changed)
      },
    }
  }
}

/** Gives every frame that arrives the checksum that it should have. */
function resealing(dial: Dial): Dial {
  return (url, handlers) =>
    dial(url, {
      ...handlers,
      received: (data) => handlers.received(typeof data === 'string' ? data : encodeFrame([data.subarray(4)])),
    })
}

function withoutDeletions(message: Message): Message {
  if (message.type !== 'entries') return message
  const nothing = Y.encodeStateAsUpdate(new Y.Doc())
  const runs = message.runs.map((run) => ({
    ...run,
    updates: run.updates.map((update) =>
      Y.decodeUpdate(update.bytes).structs.length === 0 ? { ...update, bytes: nothing } : update,
    ),
  }))
  return { ...message, runs }
}

function flipped(message: Message, chance: Chance, probability: number): Message {
  if (message.type !== 'entries' || !chance.happens(probability)) return message
  const runs = message.runs.map((run) => ({
    ...run,
    updates: run.updates.map((update) => {
      const bytes = update.bytes.slice()
      const at = chance.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return { ...update, bytes }
    }),
  }))
  return { ...message, runs }
}
