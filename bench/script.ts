/** What is typed in a run: a recorded session where there is one, else the like from a seed; the same for every system. */
import { generateTrace, openTrace, replay, type Trace } from '../test/support/traces.ts'
import type { Person, System } from './systems/system.ts'

type Transactions = Trace['txns']

export interface Script {
  /** Who wrote it, for the head of the table. */
  readonly name: string
  readonly startContent: string
  /** The document as it is when the scenarios begin. */
  readonly document: Transactions
  /** What somebody misses who is away for a moment. */
  readonly missed: Transactions
  /** What is written into another document while its reader is offline, from its start on. */
  readonly draft: Transactions
}

/** Transactions that somebody misses in a moment, and that come in and go out after a week offline. */
export const MISSED = 10
const OFFLINE_IN = 10_000
const OFFLINE_OUT = 1_000

const SEED = 7

/** The recorded session of a paper, 259,778 transactions; as many as asked for where there is none. */
export function recordedScript(generated: number): Script {
  const isRecorded = process.env.REJOIN_TRACES !== undefined
  return cut(isRecorded ? 'automerge-paper' : 'made up', openTrace('automerge-paper', SEED, generated))
}

/** Made up from a seed: the same everywhere. */
export const generatedScript = (transactions: number): Script => cut('made up', generateTrace(SEED, transactions))

function cut(name: string, { startContent, txns }: Trace): Script {
  const end = txns.length - MISSED
  return { name, startContent, document: txns.slice(0, end), missed: txns.slice(end), draft: txns.slice(0, OFFLINE_IN) }
}

/** Transactions typed in one turn of the event loop: more than a person, as many as a paste or a script brings. */
const BURST = 200

/** Types transactions in bursts with `pauseMs` between. */
export async function typeAll(
  system: Pick<System, 'pause'>,
  person: Pick<Person, 'text'>,
  txns: Transactions,
  pauseMs: number,
): Promise<void> {
  for (let at = 0; at < txns.length; at += BURST) {
    for (const txn of txns.slice(at, at + BURST)) replay(person.text, txn)
    await system.pause(pauseMs)
  }
}

const SENTENCE = 'Somebody on a train writes this, letter by letter. '

/** Types a thousand letters behind what is there, each a transaction. */
export async function typeLetters(system: Pick<System, 'pause'>, person: Pick<Person, 'text'>): Promise<void> {
  const start = person.text.length
  const letters = Array.from({ length: OFFLINE_OUT }, (_, i) => SENTENCE[i % SENTENCE.length] ?? ' ')
  await typeAll(
    system,
    person,
    letters.map((letter, i) => ({ patches: [[start + i, 0, letter] as const] })),
    0,
  )
}
