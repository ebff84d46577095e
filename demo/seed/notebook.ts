/** The sample notebook: two hundred notes as a group of friends might have them after a year. The same ones everywhere. */
import type { Workspace } from '../../client/index.ts'
import { addNote } from '../files/import.ts'
import type { Notebook } from '../notebook/notebook.ts'
import { BOARDS } from './boards.ts'
import { makeBooks } from './books.ts'
import { makeGarden } from './garden.ts'
import { makeMeetings } from './meetings.ts'
import { createChance, type SampleNote } from './note.ts'
import { makeRecipes } from './recipes.ts'
import { makeTrips } from './trips.ts'
import { makeWalks } from './walks.ts'
import { WELCOME } from './welcome.ts'

const SEED = 20_261_121
const DAY_MS = 24 * 60 * 60_000
/** Notes that are written at the same time. */
const AT_ONCE = 20

/** `count` notes, the same ones at every call: what is written by hand first, then meetings, then walks. */
export function makeSamples(count = 200): SampleNote[] {
  const chance = createChance(SEED)
  const written = [
    ...WELCOME,
    ...BOARDS,
    ...makeRecipes(chance),
    ...makeBooks(chance),
    ...makeTrips(chance),
    ...makeGarden(chance),
  ]
  const meetings = makeMeetings(Math.min(30, Math.max(0, count - written.length)), chance)
  const walks = makeWalks(Math.max(0, count - written.length - meetings.length), chance)
  return [...written, ...meetings, ...walks].slice(0, count)
}

/** Writes the samples into a notebook; resolves when this device has them all. */
export async function fillNotebook(workspace: Workspace, notebook: Notebook, count?: number): Promise<void> {
  const now = Date.now()
  const samples = makeSamples(count)
  for (let from = 0; from < samples.length; from += AT_ONCE) {
    await Promise.all(
      samples.slice(from, from + AT_ONCE).map(({ daysAgo, pinned = false, ...note }) => {
        const editedAt = Math.round(now - daysAgo * DAY_MS)
        return addNote(workspace, notebook, { ...note, editedAt, createdAt: editedAt - DAY_MS, pinned })
      }),
    )
  }
}
