/** The bytes of what relays say to each other, and to clients of each other, are pinned. */
import { expect, it } from 'vitest'
import { createBody, decodeBody } from '../../../server/mesh/body.ts'
import { toHex } from '../../../shared/hash.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { encodeMessage } from '../../../shared/wire/codec.ts'
import type { Message } from '../../../shared/wire/messages.ts'

const [A, B, C] = ['a1a2a3a4a5a6a7a8', 'b1b2b3b4b5b6b7b8', 'c1c2c3c4c5c6c7c8']
const note = { document: 'note', epoch: FIRST_EPOCH, gc: true }
const vector = new Map([[A, { seq: 300, chain: B }]])

const PINNED: [Message, string][] = [
  [
    {
      type: 'exchange',
      oldestVersion: 1,
      newestVersion: 1,
      relay: A,
      place: { replica: B, epoch: C, offset: 300 },
      session: A,
      more: true,
    },
    `140101${A}07${B}${C}ac02${A}`,
  ],
  [{ type: 'exchange', oldestVersion: 1, newestVersion: 1, relay: A, more: false }, `140101${A}00`],
  [
    { type: 'heartbeat', address: 'http://b', root: A, known: B, members: ['http://a'] },
    `1508687474703a2f2f62${A}${B}0108687474703a2f2f61`,
  ],
  [{ type: 'revoked', known: A, entries: [{ subject: 'bob', at: 300 }] }, `1c${A}0103626f62ac02`],
  [
    {
      type: 'owners',
      ...note,
      claims: [
        { name: A, owner: B, used: 300 },
        { name: 5, owner: C, used: 1 },
      ],
    },
    `1d046e6f7465010200${A}${B}ac020105${C}01`,
  ],
  [{ type: 'harvest', ...note, answered: 2, all: 3 }, '16046e6f7465010203'],
  [{ type: 'confirm', ...note, vector, relays: 2 }, `17046e6f74650101${A}ac02${B}02`],
  [{ type: 'confirmed', ...note, vector, relays: 2 }, `18046e6f74650101${A}ac02${B}02`],
]

it.each(PINNED.map(([message, bytes]) => [message.type, message, bytes] as const))('%s', (_, message, bytes) => {
  expect(toHex(encodeMessage(message))).toBe(bytes)
})

it('a body is frames behind their lengths, the head first', () => {
  const body = createBody()
  body.put({ type: 'tombstone', ...note, through: 0 })
  const bytes = body.encode({ relay: A, more: false })
  expect(toHex(bytes.subarray(0, 4))).toBe('18000000')
  expect(toHex(bytes.subarray(8))).toBe(`140101${A}0012046e6f74650100`)
  expect(decodeBody(bytes).messages).toEqual([{ type: 'tombstone', ...note, through: 0 }])
})
