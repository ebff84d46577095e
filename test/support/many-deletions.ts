/** Small valid updates that, joined, hold more deletions than one update may. */
import { createEncoder, toUint8Array, writeUint8, writeVarString, writeVarUint } from 'lib0/encoding'

const LENGTH = 128
const CLIENTS = 1_700
const STEP = 100
const TEXT_AT_ROOT = 4

/** 1,700 Yjs clients type 128 letters each, and every second one is deleted: 108,800 ranges, of 6,400 in an update. */
export function* lettersOfMany(): Generator<Uint8Array> {
  for (let first = STEP; first < STEP + CLIENTS; first += STEP) yield letters(first)
}

export function* deletionsOfMany(): Generator<Uint8Array> {
  for (let first = STEP; first < STEP + CLIENTS; first += STEP) yield deletions(first, STEP, LENGTH / 2)
}

function letters(first: number): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, STEP)
  for (let client = first + STEP - 1; client >= first; client--) {
    for (const number of [1, client, 0]) writeVarUint(encoder, number)
    writeUint8(encoder, TEXT_AT_ROOT)
    writeVarUint(encoder, 1)
    writeVarString(encoder, 'text')
    writeVarString(encoder, 'x'.repeat(LENGTH))
  }
  writeVarUint(encoder, 0)
  return toUint8Array(encoder)
}

/** An update that says of so many clients that every second of their clocks is deleted, so many times. */
export function deletions(first: number, clients: number, ranges: number, from = 0): Uint8Array {
  const encoder = createEncoder()
  writeVarUint(encoder, 0)
  writeVarUint(encoder, clients)
  for (let client = first + clients - 1; client >= first; client--) {
    writeVarUint(encoder, client)
    writeVarUint(encoder, ranges)
    for (let range = 0; range < ranges; range++) {
      writeVarUint(encoder, from + 2 * range)
      writeVarUint(encoder, 1)
    }
  }
  return toUint8Array(encoder)
}
