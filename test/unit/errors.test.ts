/** Errors as whoever reads them does: what happened, once what to do, and right wherever it happened. */
import { expect, test } from 'vitest'
import { RejoinError, toRejoinError, withoutRemedy } from '../../shared/errors.ts'

test('[P5] a message says what happened, then what to do; `detail` is what happened', () => {
  const error = new RejoinError('timeout', 'nothing heard for 45000 ms')
  expect(error.detail).toBe('nothing heard for 45000 ms')
  expect(error.message).toMatch(/^nothing heard for 45000 ms \(timeout: [a-z][^()]+\)$/)
})

test('[P5] what to do is said once, however often an error is passed on', () => {
  const there = new RejoinError('too-big', 'an update of 9 bytes; the most is 5')
  const here = new RejoinError(there.code, `a relay refused edits of "note": ${there.message}`)
  const shown = new RejoinError(here.code, here.message)
  expect(shown.detail).toBe('a relay refused edits of "note": an update of 9 bytes; the most is 5')
  expect(shown.message.match(/\(too-big: /g)).toHaveLength(1)
  expect(toRejoinError(shown, 'storage-failed', 'the replica failed')).toBe(shown)
})

test('a detail that only looks like one with a remedy stays as it is', () => {
  for (const detail of ['', 'f(x)', 'it (gap: 3) goes on', '(gap: 3)'])
    expect(withoutRemedy('gap', detail)).toBe(detail)
  expect(withoutRemedy('gap', 'seq 3 is missing (gap: send it)')).toBe('seq 3 is missing')
  expect(withoutRemedy('fork', 'seq 3 is missing (gap: send it)')).toBe('seq 3 is missing (gap: send it)')
})

test('[P5] the remedy of a full or missing storage is right on a device and at a relay', () => {
  expect(new RejoinError('storage-full', 'the quota of this device is used up').message).not.toContain('relay')
  // Advice that is wrong for who chose memory, as `saved('device')` is asked there too.
  expect(new RejoinError('storage-unavailable', 'this replica keeps nothing').message).not.toContain(
    "choose storage: 'memory'",
  )
})
