/** What one connection may make a relay keep or send, whoever it is. */
import { randomBytes } from 'node:crypto'
import * as encoding from 'lib0/encoding'
import { describe, expect, test } from 'vitest'
import { createQuestions } from '../../../server/relay/questions.ts'
import { ALONE } from '../../../server/relay/replicas.ts'
import { createMemoryStore } from '../../../server/storage/memory.ts'
import { RejoinError } from '../../../shared/errors.ts'
import { SEND_BUFFER_BYTES_MAX } from '../../../shared/limits.ts'
import { decodeFrame } from '../../../shared/wire/codec.ts'
import type { Confirm } from '../../../shared/wire/messages.ts'
import { refTo } from '../../contract/relay-store.ts'
import { createBench } from './bench.ts'
import { type RejoinClient, rejoinClient } from './rejoin-client.ts'
import { until } from './support.ts'

const HEADS = new Map([['a'.repeat(16), { seq: 1, chain: '0'.repeat(16) }]])

const replicaOf = (number: number) => number.toString(16).padStart(16, '0')

function statesOf(list: readonly (readonly [client: number, clock: number, json: string])[]): Uint8Array {
  return encoding.encode((writer) => {
    encoding.writeVarUint(writer, list.length)
    for (const [client, clock, json] of list) {
      encoding.writeVarUint(writer, client)
      encoding.writeVarUint(writer, clock)
      encoding.writeVarString(writer, json)
    }
  })
}

function enter(client: RejoinClient, subject = ''): void {
  client.hello(undefined, 'all', subject)
  client.send({ type: 'open', ...refTo('note'), fingerprint: undefined })
}

const show = (client: RejoinClient, states: Parameters<typeof statesOf>[0]) =>
  client.send({ type: 'awareness', ...refTo('note'), bytes: statesOf(states) })

/** The Yjs client ids that somebody was shown, from messages of which every one can be read. */
function shownTo(client: RejoinClient): Set<number> {
  const shown = new Set<number>()
  for (const { bytes } of client.socket.sent.flatMap(decodeFrame).filter((message) => message.type === 'awareness')) {
    for (const id of clientsOf(bytes)) shown.add(id)
  }
  return shown
}

function* clientsOf(bytes: Uint8Array): Generator<number> {
  const view = { at: 0 }
  const varint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[view.at++] ?? 0
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
  }
  for (let left = varint(); left > 0; left--) {
    yield varint()
    varint()
    const length = varint()
    view.at += length
  }
}

describe('awareness', () => {
  test('[P10] whoever enters a document with 200 people is shown all of them, in messages that can be read', async () => {
    const bench = createBench()
    for (let number = 1; number <= 200; number++) {
      const client = rejoinClient(bench, 'acme', replicaOf(number))
      enter(client)
      show(client, [[number, 1, JSON.stringify({ user: 'x'.repeat(380) })]])
    }
    bench.rest()
    const late = rejoinClient(bench, 'acme', replicaOf(999))
    enter(late)
    await until('all are shown', () => shownTo(late).size === 200)
  })

  test('[P9] states that grow as the relay writes the subject into them are told in messages that can be read', async () => {
    const bench = createBench(undefined, {}, undefined, {
      authenticate: ({ token }) => ({ subject: token, role: 'write' }),
    })
    const [many, other] = [rejoinClient(bench, 'acme', replicaOf(1)), rejoinClient(bench, 'acme', replicaOf(2))]
    many.hello(undefined, 'all', 'm'.repeat(250))
    other.hello(undefined, 'all', 'bob')
    await until('both are in', () => [many, other].every((each) => each.received('welcome').length === 1))
    for (const each of [many, other]) each.send({ type: 'open', ...refTo('note'), fingerprint: undefined })
    show(
      many,
      Array.from({ length: 250 }, (_, index) => [index + 1, 1, '{}']),
    )
    await until('all are shown', () => shownTo(other).size === 250)
    expect(other.socket.closedWith).toBeUndefined()
  })

  test('[P7] [P10] is not queued for a client that does not read, which is shown how things stand once it reads', async () => {
    const bench = createBench()
    const [fast, slow] = [rejoinClient(bench, 'acme', replicaOf(1)), rejoinClient(bench, 'acme', replicaOf(2))]
    for (const each of [fast, slow]) enter(each)
    slow.socket.reads = false
    for (let client = 1; client <= 250; client++) {
      show(fast, [[client, 1, JSON.stringify({ at: randomBytes(2_900).toString('base64') })]])
      bench.rest()
      await Promise.resolve()
    }
    expect(slow.socket.unread).toBeGreaterThan(0)
    expect(slow.socket.unread).toBeLessThan(SEND_BUFFER_BYTES_MAX)
    await until('all are shown', () => {
      slow.socket.read()
      bench.rest()
      return shownTo(slow).size === 250
    })
    expect(slow.socket.closedWith).toBeUndefined()
  })
})

describe('questions', () => {
  test('[P7] a reader that asks and does not listen is cut before it costs memory', () => {
    const bench = createBench()
    const reader = rejoinClient(bench, 'acme', replicaOf(1))
    reader.hello()
    reader.socket.reads = false
    reader.socket.unread = SEND_BUFFER_BYTES_MAX
    const vector = new Map(
      Array.from({ length: 100 }, (_, index) => [replicaOf(index), { seq: 1, chain: replicaOf(0) }]),
    )
    let asked = 0
    while (reader.socket.closedWith === undefined && asked < 1_000) {
      reader.send({ type: 'vector', ...refTo('note'), vector, reply: true })
      asked++
    }
    expect(asked).toBeLessThan(200)
  })

  test('[P9] about other relays that one reader asks take no more than its part of the places, and cut nobody', () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    let places = 100
    const confirmed: string[] = []
    const questionsOf = (name: string) =>
      createQuestions(
        {
          ...ALONE,
          confirm(where, _, __, answer) {
            if (places === 0) throw new RejoinError('overloaded', 'no places')
            places--
            asked.push(`${name} ${where.document}`)
            answers.push(answer)
            return () => places++
          },
        },
        ({ document }) => confirmed.push(`${name} ${document}`),
      )
    const question = (document: string): Confirm => ({ type: 'confirm', ...refTo(document), vector: HEADS, relays: 2 })
    const [greedy, other] = [questionsOf('greedy'), questionsOf('other')]
    for (let number = 0; number < 1_000; number++) greedy.ask(question(`x${number}`))
    expect(asked).toHaveLength(64)
    for (let number = 0; number < 40; number++) other.ask(question(`y${number}`))
    expect(asked).toHaveLength(100)
    for (const answer of answers.slice()) answer()
    // What waited is asked as soon as there is room.
    expect(asked.length).toBeGreaterThan(150)
    for (const each of [greedy, other]) each.goOn()
    expect(confirmed).toHaveLength(100)
    expect(asked.slice(100)).toEqual(expect.arrayContaining(['greedy x64', 'other y36']))
    greedy.clear()
    other.clear()
    expect(places).toBe(100)
  })

  test('[P7] hold no more heads than their bound', () => {
    const questions = createQuestions({ ...ALONE, confirm: () => () => {} }, () => {})
    const vector = new Map(
      Array.from({ length: 20_000 }, (_, index) => [replicaOf(index), { seq: 1, chain: replicaOf(0) }]),
    )
    const ask = (number: number) => questions.ask({ type: 'confirm', ...refTo(`x${number}`), vector, relays: 2 })
    expect(() => Array.from({ length: 20 }, (_, number) => ask(number))).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    )
  })
})

describe('a workspace that does not open', () => {
  test('[P7] closes its store, and what a cut transfer left behind does not keep it shut', () => {
    let left = 0
    let isBroken = true
    const bench = createBench(() => {
      left++
      const store = createMemoryStore()
      return {
        ...store,
        transfers: () => [
          { where: refTo('note'), id: replicaOf(0), pieces: 1, bytes: 1, size: 1, at: -10 * 86_400_000 },
        ],
        commit() {
          throw new RejoinError('storage-full', 'the disk is full')
        },
        epochs() {
          if (isBroken) throw new RejoinError('storage-failed', 'the disk is gone')
          return store.epochs()
        },
        close: () => left--,
      }
    })
    for (let number = 0; number < 5; number++) rejoinClient(bench, 'acme', replicaOf(number + 1))
    expect(left).toBe(0)
    isBroken = false
    rejoinClient(bench, 'acme', replicaOf(9))
    expect(bench.reported.filter((error) => error instanceof RejoinError && error.code === 'storage-full')).not.toEqual(
      [],
    )
  })
})
