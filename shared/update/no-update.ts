import { RejoinError } from '../errors.ts'

/** What was given as an update is none that a relay would take. */
export const isNoUpdate = (error: unknown): error is RejoinError =>
  error instanceof RejoinError && (error.code === 'invalid-update' || error.code === 'too-big')
