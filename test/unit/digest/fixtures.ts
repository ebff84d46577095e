/** Seeded pairs of scopes that differ, and a wire between the two sides of a session that counts its bytes. */
import type { DigestElement } from '../../../shared/digest/element.ts'
import { type DigestMessage, decodeDigestMessage, encodeDigestMessage } from '../../../shared/digest/messages.ts'
import { createInitiator, createResponder } from '../../../shared/digest/reconcile.ts'
import type { DigestResult, Reconciler } from '../../../shared/digest/reconciler.ts'
import { type DigestSummary, summarize } from '../../../shared/digest/summary.ts'
import { createTable } from '../../../shared/digest/table.ts'
import { RejoinError } from '../../../shared/errors.ts'
import type { HashKey } from '../../../shared/hash.ts'

export type { HashKey }

export interface Chance {
  /** 0 to 2^32 - 1. */
  word(): number
  below(limit: number): number
  bytes(length: number): Uint8Array
  key(): HashKey
}

/** splitmix32: one seed decides everything. */
export function createChance(seed: number): Chance {
  let state = seed | 0
  const word = () => {
    state = (state + 0x9e3779b9) | 0
    let value = state ^ (state >>> 16)
    value = Math.imul(value, 0x21f0aaad)
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
    return (value ^ (value >>> 15)) >>> 0
  }
  return {
    word,
    below: (limit) => Math.floor((word() / 2 ** 32) * limit),
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    key: () => [word(), word(), word(), word()],
  }
}

export const fingerprintOf = (chance: Chance): string =>
  chance.word().toString(16).padStart(8, '0') + chance.word().toString(16).padStart(8, '0')

export interface Sets {
  client: DigestElement[]
  relay: DigestElement[]
  differing: Set<string>
}

/** Two scopes of about `n` documents: of `d` that differ, 6 in 10 are changed, 2 only at the client, 2 only at the relay. */
export function createSets(chance: Chance, n: number, d: number, changedPart = 0.6, clientPart = 0.2): Sets {
  const changed = Math.round(d * changedPart)
  const onlyClient = Math.min(d - changed, Math.round(d * clientPart))
  const onlyRelay = d - changed - onlyClient
  const sets: Sets = { client: [], relay: [], differing: new Set() }
  const total = Math.max(d, n + Math.min(onlyClient, onlyRelay))
  for (let i = 0; i < total; i++) {
    const element = { id: `notes/${i.toString(36)}-${chance.word().toString(36)}`, fingerprint: fingerprintOf(chance) }
    if (i < d) sets.differing.add(element.id)
    const here = i < changed ? { ...element, fingerprint: fingerprintOf(chance) } : element
    if (i < changed + onlyClient || i >= d) sets.client.push(here)
    if (i < changed || i >= changed + onlyClient) sets.relay.push(element)
  }
  for (const side of [sets.client, sets.relay]) shuffle(chance, side)
  return sets
}

function shuffle<T>(chance: Chance, list: T[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = chance.below(i + 1)
    const held = list[i] as T
    list[i] = list[j] as T
    list[j] = held
  }
}

export const summaryOf = (elements: DigestElement[], key: HashKey): DigestSummary =>
  summarize(createTable(() => elements, key))

export interface Sides {
  initiator: Reconciler
  responder: Reconciler
}

export function createSides(sets: Sets, chance: Chance, key: HashKey = chance.key()): Sides {
  const randomBytes = chance.bytes
  return {
    responder: createResponder({ summary: summaryOf(sets.relay, key), elements: () => sets.relay, randomBytes }),
    initiator: createInitiator({ elements: () => sets.client, randomBytes }),
  }
}

export interface Outcome {
  client?: DigestResult
  relay?: DigestResult
  /** Bytes of all messages but names. */
  bytes: number
  /** Types of the messages in order, names left out. */
  types: string[]
  /** What ended the session before its end. */
  error?: RejoinError
}

/** What the wire does to one encoded message: the messages that arrive in its place. */
export type Wire = (bytes: Uint8Array, message: DigestMessage) => Uint8Array[]

/** Runs a session to its end: until both sides have a result, nothing is under way, or one raises a coded error. */
export function runSession(sides: Sides, wire: Wire = (bytes) => [bytes]): Outcome {
  const outcome: Outcome = { bytes: 0, types: [] }
  try {
    exchange(sides, wire, outcome)
  } catch (error) {
    if (!(error instanceof RejoinError)) throw error
    outcome.error = error
  }
  return outcome
}

function exchange({ initiator, responder }: Sides, wire: Wire, outcome: Outcome): void {
  const queue = responder.start().map((message) => ({ message, to: initiator }))
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { message, to } = next
    const bytes = encodeDigestMessage(message)
    if (message.type !== 'names') {
      outcome.bytes += bytes.length
      outcome.types.push(message.type)
    }
    for (const arrived of wire(bytes, message)) {
      const step = to.receive(decodeDigestMessage(arrived))
      const back = to === initiator ? responder : initiator
      for (const answer of step.send) queue.push({ message: answer, to: back })
      if (step.result !== undefined) outcome[to === initiator ? 'client' : 'relay'] = step.result
    }
  }
}

/** The names that a result is said to hold, as sorted text, to be compared. */
export const sorted = (names: Iterable<string> | undefined): string[] => [...(names ?? [])].sort()
