/**
 * Bugs within the code: functions of its modules are replaced while the suite loads the real client and relay anew. Nothing but a
 * test runner can do that, so the code has no switch for them. What several lines of defence catch is taken from all of them.
 */
import type { createFence } from '../../../../client/replica/fence.ts'
import type { readFoldable } from '../../../../client/replica/ground.ts'
import type { readOwed, writePeer } from '../../../../client/replica/peers.ts'
import type { Tables } from '../../../../client/replica/store.ts'
import type { createStatus } from '../../../../client/status.ts'
import type { createSalvaging } from '../../../../server/relay/salvaging.ts'
import type { createSubscriber } from '../../../../server/relay/subscriber.ts'
import type { countMissing, createUnbroken, readTail } from '../../../../server/storage/unbroken.ts'
import type { isNextChain, nextChain } from '../../../../shared/causality/chain.ts'
import type { isPlaceValid } from '../../../../shared/sync/places.ts'
import type { connect } from '../../../../shared/sync/runs.ts'
import { NETWORK, type PlantedBug } from './bug.ts'
import { withPut } from './client.ts'
import { losingEntries } from './wire.ts'

type Exports = Readonly<Record<string, unknown>>

export interface BugInside extends Omit<PlantedBug, 'bend'>, Partial<Pick<PlantedBug, 'bend'>> {
  /** By the paths of modules from the root of the project: what they export in place of their own. */
  plant: Readonly<Record<string, (original: Exports) => Exports>>
  /** What the suite says of it: it is found for what it does, not for something else. */
  found: RegExp
}

export const BUGS_INSIDE: Readonly<Record<string, BugInside>> = {
  'gap accepted': {
    what: 'records beyond the next one are taken, where those in between got lost on the way',
    faults: [],
    bend: { dial: losingEntries },
    plant: {
      'shared/sync/runs.ts': (original) => ({
        connect: ((held, records, chainAt) => {
          const [first] = records
          if (first !== undefined && first.seq > held.seq + 1) return [...records]
          return (original.connect as typeof connect)(held, records, chainAt)
        }) satisfies typeof connect,
      }),
    },
    found: /\[P4\] relay\d took .* after/,
  },
  'fork merged': {
    what: 'no history is ever another one: two under one name are taken for the same',
    faults: ['clone', 'profile restore'],
    world: { relays: 1 },
    plant: {
      'shared/causality/chain.ts': () => ({
        nextChain: (() => '1'.repeat(16)) satisfies typeof nextChain,
        isNextChain: (() => true) satisfies typeof isNextChain,
      }),
    },
    found: /\[P1\]|\[P2\]|\[P8\]/,
  },
  'dedup by filter': {
    what: 'a filter without salt says of one record in sixteen that it is here already',
    faults: [],
    plant: {
      'shared/sync/runs.ts': (original) => ({
        connect: ((held, records, chainAt) =>
          (original.connect as typeof connect)(held, records, chainAt).filter(
            ({ checksum }) => !checksum.startsWith('7'),
          )) satisfies typeof connect,
      }),
    },
    found: /dependency|gap|\[P4\]|\[P10\]/,
  },
  'place kept over an epoch change': {
    what: 'a place counts as long as the log is long enough, also after the store was put back',
    faults: ['relay restore', 'break'],
    world: { relays: 1 },
    plant: {
      'shared/sync/places.ts': () => ({
        isPlaceValid: ((place, _epochs, head) => place.offset <= head) satisfies typeof isPlaceValid,
      }),
    },
    found: /\[P1\]/,
  },
  'compaction past the outbox': {
    what: 'a client folds, and trims from its log, what no relay has acknowledged yet, and does not note that it did',
    faults: ['one way', 'half open', 'stall'],
    world: { relays: 1, documents: 1, folds: true },
    bend: {
      replicaStore: (store) =>
        withPut(store, (table, value) =>
          table === 'meta' ? { ...(value as Tables['meta']), trimmed: undefined } : value,
        ),
    },
    plant: {
      'client/replica/ground.ts': (original) => ({
        readFoldable: ((transaction, row, ...more) =>
          (original.readFoldable as typeof readFoldable)(
            transaction,
            { ...row, waiting: [] },
            ...more,
          )) satisfies typeof readFoldable,
      }),
      'client/replica/peers.ts': (original) => ({
        readOwed: (async () => Number.MAX_SAFE_INTEGER) satisfies typeof readOwed,
        readResumable: original.readPeer,
      }),
    },
    found: /\[P1\]|\[P2\]|\[P10\]/,
  },
  'stale leader writes': {
    what: 'a tab that was frozen while another one took over goes on writing as if it led',
    faults: ['freeze', 'tab open', 'sleep'],
    plant: {
      'client/replica/fence.ts': (original) => ({
        createFence: ((store, tab) => {
          const fence = (original.createFence as typeof createFence)(store, tab)
          let leads = false
          return {
            get leads() {
              return leads
            },
            async lead() {
              leads = true
              await fence.lead()
            },
            resign() {
              leads = false
            },
            check: async () => {},
          }
        }) satisfies typeof createFence,
      }),
      'client/replica/peers.ts': (original) => ({
        writePeer: (async (transaction, note, environment) => {
          const before = await transaction.get('peers', [note.replica])
          if (before === undefined || note.begin) {
            return (original.writePeer as typeof writePeer)(transaction, note, environment)
          }
          const { place = before.place, watermark = before.watermark } = note
          transaction.put('peers', [note.replica], { ...before, place, watermark })
          return undefined
        }) satisfies typeof writePeer,
      }),
    },
    found: /\[P4\] the (place|watermark) of .* back to/,
  },
  'lead lost on hearsay': {
    what: 'a tab leads until it hears that its lock was taken, and does not look in the store whether another one leads',
    faults: ['steal', 'tab open', 'tab open', 'break'],
    plant: {
      'client/replica/fence.ts': (original) => ({
        createFence: ((store, tab) => {
          const fence = (original.createFence as typeof createFence)(store, tab)
          let isWritten = false
          return {
            get leads() {
              return fence.leads
            },
            async lead() {
              await fence.lead()
              isWritten = false
            },
            resign: fence.resign,
            async check(transaction) {
              if (fence.leads && isWritten) return
              await fence.check(transaction)
              isWritten = fence.leads
            },
          }
        }) satisfies typeof createFence,
      }),
    },
    found: /\[P4\] .* as the leader of/,
  },
  'asleep in the midst of it': {
    what: 'a conversation says at any time that it can be gone on with from what is attached to its socket',
    faults: ['relay sleep', 'relay sleep', 'break'],
    world: { relays: 1 },
    plant: {
      'server/relay/subscriber.ts': (original) => ({
        createSubscriber: ((options) =>
          new Proxy((original.createSubscriber as typeof createSubscriber)(options), {
            get: (conversation, name) => name === 'resting' || Reflect.get(conversation, name),
          })) satisfies typeof createSubscriber,
      }),
    },
    found: /\[P1\]|\[P10\]/,
  },
  'receipt taken back': {
    what: 'what is shown as received is shown as waiting again, now and then, after a reconnect',
    faults: NETWORK,
    plant: {
      'client/status.ts': (original) => ({
        createStatus: (<T extends object>(initial: T) => {
          const status = (original.createStatus as typeof createStatus)<T>(initial)
          let offline = 0
          return {
            ...status,
            set(change: Partial<T>) {
              if ('connection' in change && change.connection === 'connecting') offline++
              const isSpoiled = offline % 3 === 2 && 'receipt' in change && change.receipt === 'relay'
              status.set(isSpoiled ? { ...change, receipt: 'device' } : change)
            },
          }
        }) satisfies typeof createStatus,
      }),
    },
    found: /\[P4\] replica\d was told that all of .* is at a relay, and now that it is not/,
  },
  'checksum of rows not verified': {
    what: 'a client takes a damaged row of its disk for a sound one',
    faults: ['client rot', 'client torn write', 'client misdirected write'],
    world: { relays: 1 },
    plant: { 'client/replica/soundness.ts': () => ({ isSoundRow: () => true }) },
    found: /\[P1\]|\[P8\]/,
  },
  'checksum of a relay not verified': {
    what: 'a relay takes a damaged record of its disk for a sound one',
    faults: ['relay rot', 'break'],
    world: { relays: 1 },
    plant: { 'shared/update/record.ts': () => ({ verify: () => {} }) },
    found: /invalid-update|\[P1\]|\[P8\]/,
  },
  'rows of a relay not missed': {
    what: 'a relay takes a log for whole of which a row is gone, or stands in the place of another',
    faults: ['relay lost row', 'relay misdirected write', 'break'],
    world: { relays: 1 },
    plant: {
      'server/storage/unbroken.ts': () => ({
        createUnbroken: (() => ({ take() {}, end() {} })) satisfies typeof createUnbroken,
        readTail: ((store, where, checkpoint) =>
          store.history(where, checkpoint?.through)[Symbol.iterator]() as ReturnType<
            typeof readTail
          >) satisfies typeof readTail,
        countMissing: (() => 0) satisfies typeof countMissing,
      }),
    },
    found: /\[P1\]|\[P10\]/,
  },
  'salvaged in silence': {
    what: 'a relay gives a damaged document up, and tells nobody to bring it again',
    faults: ['relay rot', 'break'],
    world: { relays: 1 },
    plant: {
      'server/relay/salvaging.ts': (original) => ({
        createSalvaging: ((options) =>
          (original.createSalvaging as typeof createSalvaging)({
            ...options,
            commits: { ...options.commits, endAll: () => {} },
          })) satisfies typeof createSalvaging,
      }),
    },
    found: /\[P1\]|\[P10\]/,
  },
}
