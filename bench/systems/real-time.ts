/** What systems in real time have in common: waiting, and client ids from a seed, so that runs differ in nothing else. */
import * as Y from 'yjs'
import { type Random, seeded } from '../../test/support/random.ts'
import type { Person, System } from './system.ts'

/** What takes longer does not come to be. */
export const CAME_TO_BE_MS = 120_000
/** Silence of so long is the end. */
const QUIET_MS = 300
/** Seeds of client ids. */
const SEED = 1

export interface RealTime extends Pick<System, 'now' | 'pause' | 'quiet' | 'until'> {
  /** A Y.Doc whose client id takes as many bytes as most do. */
  createDoc(): Y.Doc
  /** Somebody to wait for. */
  add(person: Person): Person
}

export function createRealTime(): RealTime {
  const random: Random = seeded(SEED)
  const people: Person[] = []
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)))

  async function until(what: string, condition: () => boolean): Promise<void> {
    const end = performance.now() + CAME_TO_BE_MS
    while (!condition()) {
      if (performance.now() > end) throw new Error(`not within ${CAME_TO_BE_MS} ms: ${what}`)
      await pause(0)
    }
  }

  return {
    now: () => performance.now(),
    pause,
    until,
    async quiet() {
      const last = () => Math.max(0, ...people.map(({ traffic }) => traffic.lastAt))
      const begun = performance.now()
      while (performance.now() - Math.max(begun, last()) < QUIET_MS) await pause(10)
    },
    createDoc: () => createDoc(random),
    add(person) {
      people.push(person)
      return person
    },
  }
}

/** Yjs' own ids are random 32-bit numbers, which take five bytes but for one in 16. */
export function createDoc(random: Random): Y.Doc {
  const doc = new Y.Doc()
  doc.clientID = 2 ** 28 + random(2 ** 32 - 2 ** 28)
  return doc
}
