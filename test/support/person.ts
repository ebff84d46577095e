/**
 * Somebody who edits one document: the same code in a page and on Node. It runs in browsers, so it knows nothing of Node.
 */
import * as Y from 'yjs'
import {
  type Dial,
  type DocumentHandle,
  type DocumentStatus,
  type Environment,
  openWorkspace,
  type ReplicaStore,
  type SavedLevel,
  type Workspace,
  type WorkspaceStatus,
} from '../../client/index.ts'
import { type Random, seeded } from './random.ts'

export interface PersonOptions {
  /** Address of a relay; without one they work alone. */
  relay?: string
  workspace?: string
  /** Several who keep something in one process are several users: the tabs of one share a connection. */
  user?: string
  document?: string
  storage?: 'indexeddb' | 'memory' | ReplicaStore
  token?: string
  environment?: Environment
  dial?: Dial
}

export interface Person {
  readonly workspace: Workspace
  readonly note: DocumentHandle
  /** Edits text, map and array as the seed decides; returns how many edits changed something. */
  edit(seed: number, count: number): number
  /** As `edit`, but all of them delete. */
  erase(seed: number, count: number): number
  /** Appends a token that nobody else appends. */
  write(token: string): void
  tokens(): string[]
  /** Everything that the document holds, with sorted keys: equal documents, equal text. */
  json(): string
  status(): DocumentStatus
  workspaceStatus(): WorkspaceStatus
  /** Rejects where it takes so long that it will not come. */
  saved(level: SavedLevel): Promise<void>
  /**
   * Writes tokens `<name>-0`, `<name>-1`, ... until `stop()`, and tells each one that was saved as far as asked. It is never far ahead of
   * what its store takes, so that on a busy machine there is less to do, and not ever more.
   */
  keepWriting(name: string, pauseMs: number, level: SavedLevel, told: (token: string) => void): Writing
  leave(): Promise<void>
}

export interface Writing {
  readonly written: number
  /** Why `saved` was rejected, if it was; edits that were under way at the end are none of them. */
  readonly failures: string[]
  stop(): void
}

const SAVED_WITHIN_MS = 45_000
const WRITTEN_AHEAD_MAX = 16

export async function openPerson(options: PersonOptions): Promise<Person> {
  const { relay, workspace: id = 'acme', user, document = 'notes/today', storage, token, environment, dial } = options
  const relays = relay === undefined ? [] : [relay]
  const workspace = await openWorkspace({ id, user, relays, storage, token, environment, dial })
  const note = workspace.open(document)
  await note.whenLoaded
  const { doc } = note
  const tokens = doc.getArray<string>('tokens')

  /** Each step is a transaction. */
  function change(seed: number, count: number, step: (random: Random, n: number) => void): number {
    const random = seeded(seed)
    let changed = 0
    const counted = (): void => {
      changed++
    }
    doc.on('update', counted)
    for (let n = 0; n < count; n++) doc.transact(() => step(random, n))
    doc.off('update', counted)
    return changed
  }

  return {
    workspace,
    note,
    edit: (seed, count) => change(seed, count, (random, n) => editOnce(doc, random, `${seed}.${n}`)),
    erase: (seed, count) => change(seed, count, (random) => eraseOnce(doc, random)),
    write: (token) => tokens.push([token]),
    tokens: () => tokens.toArray(),
    json: () => toCanonicalJson(doc),
    status: () => note.status.get(),
    workspaceStatus: () => workspace.status.get(),
    saved: (level) => note.saved(level, { signal: AbortSignal.timeout(SAVED_WITHIN_MS) }),
    keepWriting(name, pauseMs, level, told) {
      const failures: string[] = []
      let written = 0
      let stopped = false
      const next = async (): Promise<void> => {
        if (stopped) return
        const token = `${name}-${written++}`
        tokens.push([token])
        note.saved(level).then(
          () => told(token),
          (error: unknown) => {
            if (!stopped) failures.push(String(error))
          },
        )
        if (written % WRITTEN_AHEAD_MAX === 0) await note.saved('device').catch(() => {})
        setTimeout(next, pauseMs)
      }
      void next()
      return {
        get written() {
          return written
        },
        failures,
        stop() {
          stopped = true
        },
      }
    },
    async leave() {
      note.close()
      await workspace.close()
    },
  }
}

const WORDS = ['join', 'again ', 'é ', '\u{1f426} ', 'edit, ', 'the relay ', '\n']

function editOnce(doc: Y.Doc, random: Random, name: string): void {
  const text = doc.getText('text')
  const map = doc.getMap<unknown>('map')
  const array = doc.getArray<unknown>('array')
  switch (random(8)) {
    case 0:
    case 1:
    case 2:
      return text.insert(somewhere(text, random), WORDS[random(WORDS.length)] ?? '')
    case 3:
      return formatSome(text, random)
    case 4:
      return void map.set(`key ${random(20)}`, random(2) === 0 ? name : { name, tags: [random(9), null, true] })
    case 5:
      return array.insert(random(array.length + 1), [name, random(1000)])
    case 6:
      return array.insert(random(array.length + 1), [nested(random, name)])
    default:
      return eraseOnce(doc, random)
  }
}

function formatSome(text: Y.Text, random: Random): void {
  const [from, to] = range(text, random, 20)
  if (to > from) text.format(from, to - from, { bold: random(2) === 0 ? true : null })
}

/** A position between two characters: Yjs makes two broken ones of a surrogate pair that is split, and tells nobody. */
function somewhere(text: Y.Text, random: Random): number {
  return between(text, random(text.length + 1))
}

function range(text: Y.Text, random: Random, lengthMax: number): [from: number, to: number] {
  const from = somewhere(text, random)
  return [from, between(text, Math.min(text.length, from + 1 + random(lengthMax)))]
}

function between(text: Y.Text, at: number): number {
  const code = text.toString().charCodeAt(at)
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at
}

/** A shared type inside of a shared type. */
function nested(random: Random, name: string): Y.Map<unknown> {
  const map = new Y.Map<unknown>()
  map.set('name', name)
  map.set('line', new Y.Text(WORDS[random(WORDS.length)]))
  return map
}

function eraseOnce(doc: Y.Doc, random: Random): void {
  const text = doc.getText('text')
  const map = doc.getMap('map')
  const array = doc.getArray('array')
  const which = random(3)
  if (which === 0 && text.length > 0) {
    const [from, to] = range(text, random, 6)
    text.delete(from, to - from)
  } else if (which === 1 && array.length > 0) {
    array.delete(random(array.length), 1)
  } else {
    map.delete(`key ${random(20)}`)
  }
}

function toCanonicalJson(doc: Y.Doc): string {
  const content = {
    text: doc.getText('text').toDelta(),
    map: doc.getMap('map').toJSON(),
    array: doc.getArray('array').toJSON(),
    tokens: doc.getArray('tokens').toJSON(),
  }
  return JSON.stringify(content, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
