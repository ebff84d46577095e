/** Bugs in a relay's storage. */
import type { AnyEntry, RelayStore } from '../../../../server/storage/store.ts'
import type { Clock } from '../../../sim/index.ts'
import { NETWORK, type PlantedBug, RELAY } from './bug.ts'

export const RELAY_BUGS: Readonly<Record<string, PlantedBug>> = {
  'ack before commit': {
    what: 'a relay answers before its commit is durable',
    faults: RELAY,
    bend: { relayStore: commitsLater },
  },
  'lost commit': {
    what: 'a commit now and then writes nothing',
    faults: [],
    bend: {
      relayStore: (store) => withCommit(store, (batch, count) => (count % 9 === 8 ? { ...batch, entries: [] } : batch)),
    },
  },
  'torn commit': {
    what: 'a commit keeps its documents and loses its last entry',
    faults: [],
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, count) =>
          count % 7 === 6 ? { ...batch, entries: batch.entries.slice(0, -1) } : batch,
        ),
    },
  },
  'entry twice': {
    what: 'a commit writes an entry twice',
    faults: [],
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, count) =>
          count % 7 === 6 ? { ...batch, entries: [...batch.entries, ...batch.entries] } : batch,
        ),
    },
  },
  'vector not kept': {
    what: 'a relay keeps the version vector of before the commit',
    faults: RELAY,
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch) => ({
          ...batch,
          documents: batch.documents.map((each) => store.document(each.document) ?? each),
        })),
    },
  },
  'epoch not opened': {
    what: 'a restarted relay goes on in the epoch of before, also over an older store',
    faults: ['relay restore', 'break'],
    world: { relays: 1 },
    bend: {
      relayStore: (store) =>
        withCommit(store, (batch, _count) => (store.epochs().length > 0 ? { ...batch, epoch: undefined } : batch)),
    },
  },
  'log read from behind the next': {
    what: 'a reader that goes on from its place misses one entry',
    faults: NETWORK,
    bend: { relayStore: (store) => ({ ...store, read: (offset) => withoutTheFirst(store.read(offset)) }) },
  },
  'read unchecked': {
    what: 'a record is given otherwise than it was stored, and no checksum is looked at',
    faults: NETWORK,
    bend: { relayStore: (store) => ({ ...store, read: (offset) => spoiled(store.read(offset)) }) },
  },
}

type Entry = AnyEntry

/** Every seventh has a bit flipped. */
function* spoiled(entries: Iterable<Entry>): Iterable<Entry> {
  for (const entry of entries) {
    if (!('record' in entry)) {
      yield entry
      continue
    }
    const bytes = entry.record.bytes.slice()
    if (entry.offset % 7 === 0 && bytes.length > 0) bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
    yield { ...entry, record: { ...entry.record, bytes } }
  }
}

/** Leaves out the first of several: with none left, a relay would read for ever. */
function* withoutTheFirst(entries: Iterable<Entry>): Iterable<Entry> {
  const [first, ...rest] = entries
  if (rest.length > 0) yield* rest
  else if (first !== undefined) yield first
}

type Batch = Parameters<RelayStore['commit']>[0]

function withCommit(store: RelayStore, change: (batch: Batch, count: number) => Batch): RelayStore {
  let count = 0
  return { ...store, commit: (batch) => store.commit(change(batch, count++)) }
}

/** Commits half a second after it has said so, as a disk without fsync does. */
function commitsLater(store: RelayStore, clock: Clock): RelayStore {
  const late: Entry[] = []
  return {
    ...store,
    head: () => store.head() + late.length,
    entry(offset) {
      const entry = late.find((each) => each.offset === offset)
      return entry !== undefined && 'record' in entry ? entry : store.entry(offset)
    },
    *read(offset) {
      yield* store.read(offset)
      for (const entry of late) if (entry.offset > offset) yield entry
    },
    commit(batch) {
      late.push(...batch.entries)
      const documents = batch.documents.map((each) => ({ ...each, vector: new Map(each.vector) }))
      clock.after(500, () => {
        store.commit({ ...batch, documents })
        late.splice(0, batch.entries.length)
      })
    },
  }
}
