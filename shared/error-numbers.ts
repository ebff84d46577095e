/**
 * Error codes between two sides. A code's number is what travels; numbers are never reused. Its close code is that of the
 * WebSocket where the error ends a connection (44xx: do not reconnect by yourself, everything else: reconnect with backoff).
 */
import type { ErrorCode } from './errors.ts'

const NUMBERS: Readonly<Record<ErrorCode, readonly [number: number, close: number]>> = {
  'bad-frame': [1, 1007],
  protocol: [2, 1002],
  version: [3, 4400],
  'too-big': [4, 1009],
  'invalid-update': [5, 1008],
  'invalid-id': [6, 4404],
  gap: [7, 1002],
  fork: [8, 1002],
  dependency: [9, 1002],
  forbidden: [10, 4403],
  'origin-refused': [11, 4403],
  'storage-full': [12, 1013],
  'storage-failed': [13, 1011],
  'storage-unavailable': [14, 1011],
  'slow-reader': [15, 1013],
  overloaded: [16, 1013],
  'wrong-epoch': [17, 1008],
  corrupt: [18, 1011],
  closed: [19, 1000],
  timeout: [20, 1001],
  stopping: [21, 1012],
  unacknowledged: [22, 1000],
  'bad-option': [23, 4400],
  unauthenticated: [31, 4401],
  'token-expired': [32, 1008],
  foreign: [33, 1008],
  deleted: [24, 4410],
  unproven: [28, 1002],
  fenced: [25, 1000],
  outdated: [26, 1011],
  'not-loaded': [34, 1000],
  'not-here': [27, 1000],
}

const byNumber = new Map<number, ErrorCode>(
  (Object.keys(NUMBERS) as ErrorCode[]).map((code) => [NUMBERS[code][0], code]),
)

/** The number under which a code travels. */
export const errorNumber = (code: ErrorCode): number => NUMBERS[code][0]

/** The code for a number from the wire; `undefined` for one that this version does not know. */
export const errorCode = (number: number): ErrorCode | undefined => byNumber.get(number)

/** The WebSocket close code for an error that ends a connection. */
export const closeCode = (code: ErrorCode): number => NUMBERS[code][1]
