/**
 * What came from another relay on its way into the workspace, in a request or an answer: records, pieces and tombstones are
 * taken as a client's would be, judged and bounded (P9), and are durable when `take` returns; what is asked is handed on.
 */
import { RejoinError } from '../../shared/errors.ts'
import type { RelayId, ReplicaId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { DigestPart, Message, Owners, Refused, Tombstone, Vector } from '../../shared/wire/messages.ts'
import type { Refusal, Subscriber } from '../relay/commits.ts'
import { refOf } from '../relay/documents.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import type { Source } from '../storage/store.ts'
import type { Known } from './known.ts'

export interface Incoming {
  /** What of it was not taken, or is not so any more: to be told to its sender. */
  answers: (Refused | Tombstone)[]
  /** What the sender holds of documents. */
  vectors: Vector[]
  digests: DigestPart[]
  /** What the sender did not take. */
  refused: Refused[]
  /** Records and pieces that came. */
  taken: number
}

export interface Inbox {
  /** `from`: the replica that sent them. Raises `protocol` for a message that relays do not send each other. */
  take(messages: readonly Message[], from: ReplicaId, relay: RelayId): Incoming
  /** Whether something was committed for this inbox: another relay brought it. */
  isOwn(subscriber: Subscriber): boolean
}

export function createInbox(workspace: RelayWorkspace, known: Known): Inbox {
  let refusals: Refusal[] = []
  let source: Source = {}
  const subscriber: Subscriber = {
    get source() {
      return source
    },
    committed() {},
    refused: (refusal) => void refusals.push(refusal),
  }

  function take(messages: readonly Message[], from: ReplicaId, relay: RelayId): Incoming {
    known.met(from, relay)
    source = { relay }
    refusals = []
    const incoming: Incoming = { answers: [], vectors: [], digests: [], refused: [], taken: 0 }
    const owners: Owners[] = []
    const buried = new Map<string, DocumentRef>()
    for (const message of messages) {
      switch (message.type) {
        case 'entries':
          for (const run of message.runs) workspace.accept(subscriber, message, run)
          incoming.taken++
          break
        case 'piece':
          workspace.restore(subscriber, message, from)
          incoming.taken++
          break
        case 'tombstone':
          buried.set(message.document, refOf(message))
          workspace.bury(subscriber, message)
          break
        case 'vector':
          incoming.vectors.push(message)
          break
        case 'digest':
          incoming.digests.push(message)
          break
        case 'refused':
          incoming.refused.push(message)
          break
        case 'owners':
          owners.push(message)
          break
        default:
          throw new RejoinError('protocol', `${message.type} has no place between relays`)
      }
    }
    workspace.flush()
    for (const { claims, ...where } of owners) workspace.learn(refOf(where), claims)
    incoming.answers = answersTo(refusals, buried)
    noteHeld(messages, from, new Set(refusals.map(({ where }) => where.document)))
    return incoming
  }

  /** Whoever sends something holds it; of what was not taken here nothing is known. */
  function noteHeld(messages: readonly Message[], from: ReplicaId, refused: ReadonlySet<string>): void {
    for (const message of messages) {
      if (message.type === 'vector') known.states(message, from, message.vector)
      else if (message.type === 'piece' && message.vector !== undefined && !refused.has(message.document)) {
        known.holds(message, from, message.vector)
      } else if (message.type === 'entries' && !refused.has(message.document)) {
        known.holds(message, from, lastDots(workspace, message))
      }
    }
  }

  return { take, isOwn: (from) => from === subscriber }
}

/** The dots that runs end with, with the chains that they have here. */
function lastDots(workspace: RelayWorkspace, entries: Extract<Message, { type: 'entries' }>) {
  const vector = new Map<string, { seq: number; chain: string }>()
  for (const { origin, first, updates } of entries.runs) {
    const seq = first + updates.length - 1
    const chain = workspace.chain(entries, origin, seq)
    if (chain !== undefined) vector.set(origin, { seq, chain })
  }
  return vector
}

function answersTo(refusals: readonly Refusal[], buried: ReadonlyMap<string, DocumentRef>): (Refused | Tombstone)[] {
  const answers: (Refused | Tombstone)[] = []
  for (const { where, ...rest } of refusals) {
    if (rest.code !== 'wrong-epoch') answers.push({ type: 'refused', ...refOf(where), ...rest })
    // Who tells of an epoch that is known here already is told nothing.
    else if (buried.get(where.document)?.epoch !== where.epoch) {
      answers.push({ type: 'tombstone', ...refOf(where), through: 0 })
    }
  }
  return answers
}
