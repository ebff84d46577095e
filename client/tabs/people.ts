/** Awareness as bytes: who is told of in a message, and what tells that they have left. The format is y-protocols'. */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Yjs client ids and the clocks of their states. */
export type People = Map<number, number>

/** Those whom this message of awareness tells of. */
export function readPeople(bytes: Uint8Array): People {
  const people: People = new Map()
  const decoder = decoding.createDecoder(bytes)
  for (let left = decoding.readVarUint(decoder); left > 0; left--) {
    const client = decoding.readVarUint(decoder)
    people.set(client, decoding.readVarUint(decoder))
    decoding.readVarString(decoder)
  }
  return people
}

/** Tells that they have left, after what they said last. */
export function encodeGone(people: People): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, people.size)
  for (const [client, clock] of people) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock + 1)
    encoding.writeVarString(encoder, 'null')
  }
  return encoding.toUint8Array(encoder)
}
