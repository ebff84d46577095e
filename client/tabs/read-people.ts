/** Awareness as bytes: who is told of in a message. The format is y-protocols'. */
import * as decoding from 'lib0/decoding'
import type { People } from './people.ts'

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
