/**
 * Clock, chance and timers: the only way in which time and chance enter (DESIGN: determinism). The simulator gives its
 * own; everything else uses `systemEnvironment`. It does not know what a timer is for.
 */
export interface Environment {
  /** Milliseconds; only differences mean anything, and never order updates by it. */
  now(): number
  /** `length` unpredictable bytes (a seeded stream in the simulator). */
  randomBytes(length: number): Uint8Array
  /** Runs `callback` once after `delayMs`; the returned function cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void
}

export const systemEnvironment: Environment = {
  now: () => Date.now(),
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  setTimer: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Resolves after so long, at least when whatever waits already had its turn. */
export const pauseFor = (environment: Environment, ms = 0): Promise<void> =>
  new Promise((resolve) => void environment.setTimer(resolve, ms))

/** A fraction in [0, 1) from the environment's chance. */
export function randomFraction(environment: Environment): number {
  const bytes = environment.randomBytes(4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32
}
