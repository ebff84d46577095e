import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RejoinError } from '../../../shared/errors.ts'
import { siphash } from '../../../shared/hash.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { FRAME_BYTES_MAX } from '../../../shared/limits.ts'
import { ROLES } from '../../../shared/roles.ts'
import { decodeFrame, decodeVector, encodeFrame, encodeMessage, encodeVector } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'
import { commonVersion, PROTOCOL_VERSION } from '../../../shared/wire/version.ts'

const hex8 = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const count = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 40 }))
const seq = count.map((n) => n + 1)
const seq20 = fc.nat(2 ** 20 - 2 ** 12)
const document = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ids hold none
  .filter((id) => !/[\u0000-\u001f\u007f]/.test(id) && id.isWellFormed())
const epoch = fc.oneof(
  fc.constant(FIRST_EPOCH),
  fc
    .tuple(fc.integer({ min: 1, max: 0xffffffff }), hex8)
    .map(([n, random]) => n.toString(16).padStart(8, '0') + random),
)
const ref = fc.record({ document, epoch, gc: fc.boolean() })
const bytes = fc.uint8Array({ maxLength: 100 })
const update = fc.record({ kind: fc.constant('yjs-v1' as const), bytes })
const vector = fc.dictionary(hex8, fc.record({ seq, chain: hex8 }), { maxKeys: 5, noNullPrototype: true })
const asVector = vector.map((entries) => new Map(Object.entries(entries)))
const detail = fc.string({ unit: 'grapheme-ascii', maxLength: 100 })
const place = fc.record({ epoch: hex8, offset: count })
const run = fc.record({
  origin: hex8,
  first: seq,
  chain: hex8,
  updates: fc.array(update, { minLength: 1, maxLength: 4 }),
})

const of = <T extends Message['type']>(type: T, fields: Record<string, fc.Arbitrary<unknown>>, withRef = true) =>
  fc
    .tuple(withRef ? ref : fc.constant({}), fc.record(fields))
    .map(([where, rest]) => ({ type, ...where, ...rest }) as Message)

const messages: fc.Arbitrary<Message>[] = [
  of(
    'hello',
    {
      oldestVersion: count,
      newestVersion: count,
      replica: hex8,
      scope: fc.constantFrom('all', 'opened'),
      place: fc.option(place, { nil: undefined }),
      token: detail,
    },
    false,
  ),
  of('welcome', { version: count, replica: hex8, epoch: hex8, head: count, resumed: fc.boolean() }, false),
  of('epoch', { epoch: hex8, start: count }, false),
  of(
    'catalog',
    {
      last: fc.boolean(),
      documents: fc.array(fc.tuple(ref, hex8).map(([where, fingerprint]) => ({ ...where, fingerprint }))),
    },
    false,
  ),
  of('tombstone', { through: count }),
  of('digest', { last: fc.boolean(), bytes }, false),
  of('content', { version: hex8, hash: hex8 }),
  of('open', { fingerprint: fc.option(hex8, { nil: undefined }) }),
  of('close', {}),
  of('same', {}),
  of('vector', {
    vector: asVector,
    reply: fc.boolean(),
    stateVector: fc.option(bytes, { nil: undefined }),
    partial: fc.option(fc.record({ id: hex8, pieces: seq }), { nil: undefined }),
  }),
  of('piece', { through: count, id: hex8, index: fc.nat(6), count: fc.constant(8), size: fc.nat(1000), bytes }),
  of('piece', {
    through: count,
    id: hex8,
    index: fc.constant(7),
    count: fc.constant(8),
    size: seq20,
    bytes,
    vector: asVector,
    base: asVector,
  }),
  of('entries', { through: count, runs: fc.array(run, { maxLength: 3 }) }),
  of('ack', { origin: hex8, seq, chain: hex8, through: count }),
  of('submit', { request: seq, kind: fc.constant('yjs-v1'), bytes }),
  of('stamped', { request: seq, origin: hex8, seq: count, chain: hex8, through: count }),
  of('refused', {
    code: fc.constantFrom('gap', 'fork', 'too-big'),
    request: count,
    origin: hex8,
    seq: count,
    held: count,
    detail,
  }),
  of('awareness', { bytes }),
  of('token', { token: fc.string() }, false),
  of('access', { role: fc.constantFrom(...ROLES), expiresInMs: count }, false),
  of(
    'exchange',
    {
      oldestVersion: count,
      newestVersion: count,
      relay: hex8,
      place: fc.option(fc.record({ replica: hex8, epoch: hex8, offset: count }), { nil: undefined }),
      session: fc.option(hex8, { nil: undefined }),
      more: fc.boolean(),
    },
    false,
  ),
  of('heartbeat', { address: detail, root: hex8, known: hex8, members: fc.array(detail, { maxLength: 5 }) }, false),
  of('harvest', { answered: fc.nat(64), all: fc.nat(64) }),
  of('confirm', { vector: asVector, relays: fc.nat(64) }),
  of('confirmed', { vector: asVector, relays: fc.nat(64) }),
  of('spread', { withinMs: fc.nat(60_000) }, false),
  of('failure', { code: fc.constantFrom('protocol', 'stopping'), retryAfterMs: count, detail }, false),
]

/** A frame of these bytes with a checksum that is right, so that the parser is reached. */
function frameOf(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(payload.length + 4)
  frame.set(payload, 4)
  new DataView(frame.buffer).setUint32(0, siphash(frame.subarray(4)), true)
  return frame
}

function codeOf(decode: () => unknown): string {
  try {
    decode()
    return 'accepted'
  } catch (error) {
    if (error instanceof RejoinError) return error.code
    throw error
  }
}

describe('the codec', () => {
  it('writes permissions as it ever did', () => {
    const pinned = [
      [
        '191a65794a68624763692e4a57542e7369676e6174757265202dc3a9',
        { type: 'token', token: 'eyJhbGci.JWT.signature -é' },
      ],
      ['1bd00f', { type: 'spread', withinMs: 2_000 }],
      ['1a0000', { type: 'access', role: 'read', expiresInMs: 0 }],
      ['1a02c0cf24', { type: 'access', role: 'write', expiresInMs: 600_000 }],
    ] as const
    for (const [hex, message] of pinned) {
      expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(hex)
      expect(decodeFrame(frameOf(Buffer.from(hex, 'hex')))).toEqual([message])
    }
    expect(codeOf(() => decodeFrame(frameOf(new Uint8Array([26, 4, 0]))))).toBe('bad-frame')
  })

  it('reads every message back as it was written, alone and in company', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...messages), { minLength: 1, maxLength: 8 }), (sent) => {
        expect(decodeFrame(encodeFrame(sent.map(encodeMessage)))).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  it('[P9] refuses every cut and every flipped bit with a code', () => {
    fc.assert(
      fc.property(fc.oneof(...messages), fc.nat(), (message, at) => {
        const frame = encodeFrame([encodeMessage(message)])
        expect(codeOf(() => decodeFrame(frame.subarray(0, at % frame.length)))).toBe('bad-frame')
        const flipped = frame.slice()
        const bit = at % (frame.length * 8)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        expect(codeOf(() => decodeFrame(flipped))).toBe('bad-frame')
      }),
      { numRuns: 1000 },
    )
  })

  it('[P9] takes or refuses anything under a right checksum, with a code and without a raw error', () => {
    const allowed = ['accepted', 'bad-frame', 'invalid-id']
    fc.assert(
      fc.property(fc.oneof(...messages), fc.uint8Array({ maxLength: 40 }), fc.nat(), (message, noise, at) => {
        expect(allowed).toContain(codeOf(() => decodeFrame(frameOf(noise))))
        const spliced = encodeMessage(message).slice()
        spliced.set(noise.subarray(0, Math.max(0, spliced.length - (at % spliced.length))), at % spliced.length)
        expect(allowed).toContain(codeOf(() => decodeFrame(frameOf(spliced))))
      }),
      { numRuns: 2000 },
    )
  })

  it('[P7] counts are believed only as far as there are bytes for them', () => {
    // A version vector that claims 2^28 entries, a catalog and entries that claim as many.
    const huge = [0x80, 0x80, 0x80, 0x80, 0x01]
    for (const payload of [
      [7, 1, 0x61, 1, 0, ...huge],
      [3, 1, ...huge],
      [8, 1, 0x61, 1, 0, ...huge],
    ]) {
      expect(codeOf(() => decodeFrame(frameOf(Uint8Array.from(payload))))).toBe('bad-frame')
    }
    expect(codeOf(() => decodeFrame(new Uint8Array(FRAME_BYTES_MAX + 1)))).toBe('too-big')
    expect(codeOf(() => decodeFrame(frameOf(new Uint8Array(0))))).toBe('bad-frame')
  })

  it('keeps version vectors in the form that travels', () => {
    fc.assert(
      fc.property(asVector, (each) => {
        expect(decodeVector(encodeVector(each))).toEqual(each)
      }),
    )
    expect(codeOf(() => decodeVector(Uint8Array.of(0, 0)))).toBe('bad-frame')
  })

  it('agrees on the greatest version that both speak', () => {
    expect(commonVersion(1, 7)).toBe(PROTOCOL_VERSION)
    expect(commonVersion(PROTOCOL_VERSION + 1, PROTOCOL_VERSION + 2)).toBeUndefined()
    expect(commonVersion(0, 0)).toBeUndefined()
  })
})
