/** A recorded session typed by two people in turn, through a relay. */
import type { Client, Note } from '../unit/client/support.ts'
import { allRead, isSynced, readAtRelay, startClient } from '../unit/client/support.ts'
import type { RunningRelay } from '../unit/server/support.ts'
import { replay, type Trace } from './traces.ts'

/** Transactions typed in one turn of the event loop. */
const BURST = 200

/**
 * Two people take turns, each when everything of the other has come; one of them is offline while typing every other turn.
 * Returns what both and a newcomer read in the end.
 */
export async function typeInTurns(relay: RunningRelay, trace: Trace, turns: number): Promise<string[]> {
  const people: { client: Client; note: Note }[] = []
  for (let i = 0; i < 2; i++) {
    const client = await startClient(relay)
    people.push({ client, note: client.open() })
  }
  const notes = people.map(({ note }) => note)
  await Promise.all(notes.map(({ whenSynced }) => whenSynced))
  notes[0]?.type(trace.startContent)
  const perTurn = Math.ceil(trace.txns.length / turns)
  for (let turn = 0; turn < turns; turn++) {
    await allRead(notes)
    const { client, note } = people[turn % 2] as (typeof people)[number]
    const isOffline = turn % 4 > 1
    if (isOffline) client.network.cut()
    await typeAll(note, trace.txns.slice(turn * perTurn, (turn + 1) * perTurn))
    if (isOffline) client.network.mend()
  }
  await allRead(notes)
  await isSynced(...people.map(({ client }) => client))
  return [...notes.map((note) => note.read()), await readAtRelay(relay)]
}

async function typeAll(note: Note, txns: Trace['txns']): Promise<void> {
  for (let at = 0; at < txns.length; at += BURST) {
    for (const txn of txns.slice(at, at + BURST)) replay(note.text, txn)
    await new Promise(setImmediate)
  }
}
