/** Awareness as bytes: what tells that people have left. The format is y-protocols'. */
import * as encoding from 'lib0/encoding'

/** Yjs client ids and the clocks of their states. */
export type People = Map<number, number>

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
