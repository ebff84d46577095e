/**
 * Long work in steps, so that others may run in between: a generator that yields after a bounded piece of work and returns
 * the result.
 */
export type Steps<Result> = Generator<void, Result>

/** Structs in one step: some milliseconds. */
export const STEP_STRUCTS = 16_384
/** Bytes in one step, where structs are large: some milliseconds too. */
export const STEP_BYTES = 1024 * 1024

/** All steps at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
