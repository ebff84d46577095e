/** Seeds that failed once, each with the fewest steps that showed it, and what was wrong. */
import { describe, expect, test } from 'vitest'
import { headOf } from '../../../shared/causality/version-vector.ts'
import { FIRST_EPOCH } from '../../../shared/ids.ts'
import { PING_EVERY_MS, SILENCE_MS_MAX } from '../../../shared/limits.ts'
import { createSession } from '../../../shared/sync/session.ts'
import {
  createWorld,
  FAULT_KINDS,
  type Path,
  planSteps,
  runSeed,
  type SimulateOptions,
  type Step,
  UNSETTLED,
} from '../../sim/index.ts'
import { createPipe } from '../../sim/network/pipe.ts'
import { createChance } from '../../sim/time/chance.ts'
import { createClock } from '../../sim/time/clock.ts'
import { createProcess } from '../../sim/time/process.ts'
import { inShare } from '../../support/amount.ts'

/** In this order: by place in it each seed has its own. */
const SLOW_WAYS = [
  ...(['delay', 'stall', 'slow reader', 'break', 'one way'] as const),
  ...(['tab close', 'tab open', 'partition'] as const),
]

interface Failed {
  title: string
  seed: number
  options: Omit<SimulateOptions, 'seeds'>
  /** All of the seed, where left out. */
  steps?: readonly Step[]
  /** With what seeds have on top, which was added later. */
  onTop?: true
}

const NETWORK = [
  'delay',
  'break',
  'partition',
  'one way',
  'half open',
  'stall',
  'slow reader',
  'damage',
  'flap',
] as const

/** Disks of relays that rot, and what goes on meanwhile. */
const ROT = [
  ...(['relay rot', 'relay rot', 'relay crash', 'relay misread', 'relay disk full', 'relay commit'] as const),
  ...(['break', 'partition', 'tab crash', 'quota', 'evict'] as const),
]

/** Disks of devices that lose rows, and what goes on meanwhile. */
const LOST = [
  ...(['client lost write', 'client lost write', 'break', 'tab crash', 'browser crash'] as const),
  ...(['tab open', 'freeze', 'relay crash', 'delay'] as const),
]

/** Relays that lose their memory in the midst of everything; in this order. */
const ASLEEP = [
  ...(['delay', 'loss', 'break', 'partition', 'one-way partition', 'one way', 'half open', 'swizzle'] as const),
  ...(['stall', 'flap', 'replay', 'damage', 'slow reader', 'quota', 'abort', 'storage closed'] as const),
  ...(['storage shut', 'relay crash', 'relay power', 'relay restart', 'relay commit', 'relay disk full'] as const),
  ...(['relay clock jump', 'tab crash', 'browser crash', 'tab close', 'tab open', 'freeze', 'sleep'] as const),
  ...(['clock jump', 'steal', 'relay sleep'] as const),
]

/** Relays that lose their memory, and what they read; in this order. */
const GIVEN_UP_ASLEEP = [
  'relay sleep',
  'relay disk away',
  'relay sleep',
  'break',
  'relay disk full',
  'relay misread',
] as const

/** What puts a copy in the place of an original, or nothing. */
const COPIES = ['clone', 'profile restore', 'evict', 'relay restore', 'break', 'abort', 'tab open'] as const

/** All that goes wrong, but for disks and relays that forget; in this order. */
const NOTHING_FORGOTTEN_IN_MESH = FAULT_KINDS.filter(
  (kind) => !UNSETTLED.has(kind) && !/^mesh wipe$|^relay (restore|lost write)$/.test(kind),
)
const NOTHING_FORGOTTEN = NOTHING_FORGOTTEN_IN_MESH.filter((kind) => !kind.startsWith('mesh '))

/** The edits that the seed takes. */
const ANY_EDITS = { edits: undefined } as const

const FAILED: readonly Failed[] = [
  {
    title: '[P10] a record that others brought to the relay is acknowledged when the relay tells its vector',
    seed: 7,
    options: { faults: NETWORK },
  },
  {
    title: '[P3] live records of a document that is being fetched are not stored before what they build on',
    seed: 10,
    options: { faults: NETWORK },
  },
  {
    title: '[P6] a document that could not be loaded is loaded when the store works again',
    seed: 30,
    options: { relays: 3, durationMs: 40_000 },
    steps: [
      { at: 3342, kind: 'abort', seed: 2036934988 },
      { at: 3426, kind: 'edit', seed: 949249585 },
      { at: 7825, kind: 'tab close', seed: 1912395192 },
    ],
  },
  {
    title: '[P4] a place does not pass records that did not fit, though mending them is cut short',
    seed: 91,
    options: { relays: 1 },
    steps: [
      { at: 7734, kind: 'edit', seed: 4362675 },
      { at: 7836, kind: 'abort', seed: 944433743 },
      { at: 11935, kind: 'profile restore', seed: 1479548533 },
      { at: 12149, kind: 'edit', seed: 858281768 },
    ],
  },
  {
    title: '[P9] a document whose records could not be read for a moment is read anew, not by half',
    seed: 1020,
    options: { relays: 1 },
    steps: [
      { at: 43442, kind: 'type', seed: 1225950372 },
      { at: 44370, kind: 'relay misread', seed: 1530242841 },
      { at: 51006, kind: 'relay restart', seed: 802901315 },
      { at: 52740, kind: 'type', seed: 1849693864 },
    ],
  },
  ...[
    { seed: 3060, relays: 3 },
    { seed: 3107, relays: 3 },
    { seed: 2024, relays: 2 },
  ].map(({ seed, relays }) => ({
    title: '[P4] a place does not pass a piece that was dropped, though its comparison seemed to be over',
    seed,
    options: { relays, ...ANY_EDITS },
  })),
  ...[
    { seed: 20_127, options: {} },
    { seed: 2_000_934, options: {} },
    { seed: 1_000_158, options: { replicas: 8, editsPerMinute: 15 } },
    { seed: 1_001_776, options: { faults: COPIES } },
    { seed: 2_000_579, options: { faults: COPIES } },
  ].map(({ seed, options }) => ({
    title: '[P8] joined records show what they continue: a fork is not merged silently',
    seed,
    options: { relays: 1, ...ANY_EDITS, ...options },
  })),
  {
    title:
      '[P8] what a tab that was frozen takes out as forked is fetched by the tabs that are connected, and compared later',
    seed: 1536,
    options: { relays: 1, ...ANY_EDITS },
  },
  ...[
    { seed: 1_001_566, relays: 2 },
    { seed: 2_002_221, relays: 3 },
  ].map(({ seed, relays }) => ({
    title: '[P10] everybody gets in sync, whatever was folded meanwhile',
    seed,
    options: { relays, ...ANY_EDITS },
  })),
  {
    title: '[P10] pieces are taken though records of theirs came while they were on their way',
    seed: 150_291,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P10] what a full device submits does not overtake the records that it builds on',
    seed: 10_551,
    options: { relays: 1, ...ANY_EDITS },
  },
  {
    title: '[P10] an edit that was stamped stays until what holds it is here: the next one rests on it',
    seed: 141,
    options: { relays: 2, ...ANY_EDITS },
  },
  {
    title:
      '[P10] a tab whose count of unacknowledged edits was read before another tab had them acknowledged counts again',
    seed: 346,
    options: { relays: 2, ...ANY_EDITS },
  },
  ...[112, 123].map((seed) => ({
    title: '[P10] an edit that was spoiled before it was sealed is stored again by the tab that has it open',
    seed,
    options: { relays: 1, faults: ['client rot', 'client rot', 'break', 'tab crash'] as const, ...ANY_EDITS },
  })),
  ...[105, 106, 110].map((seed) => ({
    title: '[P5] a record that the store has lost is noticed and fetched again',
    seed,
    options: {
      relays: 1,
      faults: ['client lost write', 'client lost write', 'break', 'tab crash'] as const,
      ...ANY_EDITS,
    },
  })),
  {
    title: '[P10] the simulator: what rests on the damaged waits until its device meets the one relay that has that',
    seed: 5017,
    options: {
      relays: 3,
      faults: ['client rot', 'client rot', 'one way', 'tab crash', 'break'],
      faultsPerMinute: 20,
      ...ANY_EDITS,
    },
  },
  {
    title: '[P2] an edit that the store has lost is missed, and at no relay for who waits for that',
    seed: 152,
    options: { relays: 1, faults: ['client lost write', 'client lost write', 'break', 'tab crash'], ...ANY_EDITS },
  },
  ...[940_030, 940_036, 940_046].map((seed) => ({
    title: '[P2][P10] an edit that the store has lost is missed also where only another tab went on with it',
    seed,
    options: { relays: 1, faults: LOST, faultsPerMinute: 30, ...ANY_EDITS },
  })),
  {
    title: '[P2] the simulator: what a disk has lost before its tab tells that it is stored is not asked for',
    seed: 51_112,
    options: {
      relays: 3,
      faults: [
        ...(['client lost write', 'client lost write', 'break', 'tab crash', 'tab open', 'freeze'] as const),
        ...(['browser crash', 'tab close', 'partition', 'relay crash'] as const),
      ],
      faultsPerMinute: 24,
      ...ANY_EDITS,
    },
  },
  {
    title: '[P1] a deletion that waits in a Y.Doc for what it deletes is read again, also while the log is being read',
    seed: 940_003,
    options: {
      relays: 2,
      faults: [
        ...(['client lost write', 'client lost write', 'client lost write', 'break', 'tab crash'] as const),
        ...(['tab open', 'freeze', 'browser crash', 'tab close'] as const),
      ],
      ...ANY_EDITS,
    },
  },
  {
    title: '[P3] what was typed on what an eviction took is folded behind what brings that back',
    seed: 2019,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title:
      '[P4] where a fork takes records out there is no place until they are fetched, also if the conversation ends before',
    seed: 105_770,
    options: { relays: 1, faults: COPIES, ...ANY_EDITS },
  },
  ...[72_762, 74_279, 74_325, 74_419].map((seed) => ({
    title: '[P10] no receipt is waited for of what a relay shows that it holds',
    seed,
    options: { relays: 1, faults: COPIES, ...ANY_EDITS },
  })),
  {
    title: '[P10] a round whose first note was aborted begins with the next one',
    seed: 1,
    options: { relays: 1, faults: ['relay restore', 'break', 'abort'], ...ANY_EDITS },
  },
  {
    title: '[P10] records are offered after what they build on, in whatever order they came',
    seed: 33_614,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P10] what was stored late is sealed so that it and what rests on it do not wait for one another',
    seed: 22_023,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P10] edits that a full device submitted and a relay refused are submitted again',
    seed: 22_333,
    options: { relays: 1, replicas: 8, editsPerMinute: 15, ...ANY_EDITS },
  },
  {
    title: '[P10] what was folded rests on nothing that is not: also deletions have their ground',
    seed: 70_582,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P3] what came and what floated, each resting on the other, become pieces that rest on nothing else',
    seed: 117,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P10] a document shows as unacknowledged what its workspace counts, and not what was read before',
    seed: 105_752,
    options: { relays: 1, faults: COPIES, ...ANY_EDITS },
  },
  ...[
    { seed: 21, relays: 1 },
    { seed: 158, relays: 2 },
    { seed: 95, relays: 2 },
  ].map(({ seed, relays }) => ({
    title: '[P4] no receipt is shown for an edit that was stored while what is acknowledged was read',
    seed,
    options: { relays, ...ANY_EDITS },
  })),
  {
    title: '[P4] a receipt is not taken back when a device stores after all what it handed to a relay',
    seed: 13,
    options: { relays: 1, ...ANY_EDITS },
    steps: [
      { at: 2579, kind: 'edit', seed: 1442132576 },
      { at: 5058, kind: 'abort', seed: 972635168 },
      { at: 5294, kind: 'edit', seed: 2129601279 },
      { at: 5765, kind: 'relay restart', seed: 1374024295 },
      { at: 11_528, kind: 'edit', seed: 381683658 },
    ],
  },
  {
    title: '[P4] what a relay has while it is being stored as new is not shown as received until that is',
    seed: 5035,
    options: {
      relays: 1,
      faults: ['quota', 'abort', 'storage closed', 'break', 'delay'],
      faultsPerMinute: 30,
      editsPerMinute: 90,
      ...ANY_EDITS,
    },
  },
  {
    title:
      '[P1] a name that a restored relay gave twice keeps no content from anybody, also where relays do not gossip',
    seed: 595,
    options: { relays: 3, ...ANY_EDITS },
  },
  {
    title: '[P10] the simulator: damage in store for a connection is none any more when everything is healed',
    seed: 6603,
    options: { relays: 1, ...ANY_EDITS },
  },
  {
    title: '[P2] the simulator: a device that keeps nothing may have held the last copy after a relay went back',
    seed: 5109,
    options: { relays: 1, ...ANY_EDITS },
  },
  {
    title: '[P10] what was typed on what is lost is sealed with what the open document brings back, not before',
    seed: 3948,
    options: { relays: 7, mesh: true, replicas: 6, editsPerMinute: 15, ...ANY_EDITS },
    steps: [
      { at: 11_902, kind: 'partition', seed: 575886830 },
      { at: 14_338, kind: 'edit', seed: 1935677667 },
      { at: 14_705, kind: 'nest', seed: 251698529 },
      { at: 16_749, kind: 'client misdirected write', seed: 1899944588 },
      { at: 19_604, kind: 'storage closed', seed: 2079194921 },
      { at: 20_947, kind: 'edit', seed: 891986145 },
    ],
  },
  {
    title:
      '[P1] a place that was kept while a document was fetched is no place to go on from: a relay that lost what came then has it again',
    seed: 6491,
    options: { relays: 1, replicas: 8, editsPerMinute: 15, ...ANY_EDITS },
    onTop: true,
  },
  {
    title: '[P7] checkpoints that relays send to and fro do not double their pieces with each turn',
    seed: 60,
    options: {
      relays: 5,
      mesh: true,
      folds: true,
      replicas: 5,
      documents: 1,
      editsPerMinute: 60,
      faultsPerMinute: 20,
      faults: ['mesh partition', 'mesh one way', 'mesh flap', 'break', 'partition'],
      ...ANY_EDITS,
    },
  },
  {
    title: '[P2] what was damaged here, and what the relay that had it has lost, an open document brings back',
    seed: 8661,
    options: { relays: 3, mesh: true, ...ANY_EDITS },
    steps: [
      { at: 282, kind: 'mesh partition', seed: 1487302812 },
      { at: 2_087, kind: 'type', seed: 1957599323 },
      { at: 6_842, kind: 'client rot', seed: 1187978536 },
      { at: 9_741, kind: 'relay lost write', seed: 1048126224 },
      { at: 12_298, kind: 'nest', seed: 1175334742 },
    ],
  },
  {
    title: '[P2] what an open document brings back of the damaged does not wait for edits that rest on it',
    seed: 8661,
    options: { relays: 3, mesh: true, ...ANY_EDITS },
    steps: [
      { at: 282, kind: 'mesh partition', seed: 1487302812 },
      { at: 2_087, kind: 'type', seed: 1957599323 },
      { at: 6_842, kind: 'client rot', seed: 1187978536 },
      { at: 9_741, kind: 'relay lost write', seed: 1048126224 },
      { at: 9_760, kind: 'nest', seed: 1175334742 },
      { at: 12_298, kind: 'nest', seed: 1175334742 },
    ],
  },
  {
    title: '[P2] the simulator: what a device keeps as a branch, as it rests on what rotted there, is not lost',
    seed: 1003,
    options: { relays: 3, mesh: true, ...ANY_EDITS },
    steps: [
      { at: 25_237, kind: 'partition', seed: 647790456 },
      { at: 26_049, kind: 'nest', seed: 360058900 },
      { at: 26_401, kind: 'type', seed: 1010914116 },
      { at: 27_135, kind: 'nest', seed: 281683520 },
      { at: 28_556, kind: 'type', seed: 2123289789 },
      { at: 30_643, kind: 'type', seed: 1902735508 },
      { at: 32_739, kind: 'nest', seed: 1818720832 },
      { at: 33_367, kind: 'type', seed: 1714555878 },
      { at: 34_260, kind: 'type', seed: 1447075384 },
      { at: 35_214, kind: 'type', seed: 422361301 },
      { at: 36_093, kind: 'nest', seed: 53128043 },
      { at: 36_169, kind: 'browser crash', seed: 313386531 },
      { at: 46_596, kind: 'client rot', seed: 2039743104 },
    ],
  },
  {
    title: '[P10] what rests on what is lost is given up, also where something else had to be fetched first',
    seed: 300_022,
    options: { relays: 1, ...ANY_EDITS },
    steps: [
      { at: 21_363, kind: 'type', seed: 897703339 },
      { at: 23_118, kind: 'partition', seed: 1622640528 },
      { at: 23_411, kind: 'type', seed: 1502886420 },
      { at: 43_505, kind: 'client rot', seed: 1066128638 },
      { at: 52_867, kind: 'type', seed: 1206624232 },
      { at: 53_575, kind: 'client rot', seed: 1437434189 },
      { at: 53_946, kind: 'freeze', seed: 1499449939 },
    ],
  },
  {
    title: '[P1] what was stamped with a name that is held with something else is kept until it is here',
    seed: 600_321,
    options: { relays: 1, faults: COPIES, faultsPerMinute: 20, ...ANY_EDITS },
  },
  {
    title: '[P1] what a device stored again after it had no room is offered to a relay that was put back to before',
    seed: 710_063,
    options: { relays: 1, ...ANY_EDITS },
    steps: [
      { at: 16_732, kind: 'profile restore', seed: 773451836 },
      { at: 24_963, kind: 'quota', seed: 1659440762 },
      { at: 25_244, kind: 'type', seed: 82417120 },
      { at: 25_271, kind: 'relay restore', seed: 54638900 },
      { at: 34_258, kind: 'quota', seed: 1016808371 },
      { at: 34_264, kind: 'nest', seed: 2034535978 },
      { at: 53_957, kind: 'evict', seed: 1956841298 },
    ],
  },
  {
    title: '[P1] of a replica that keeps nothing no two tabs share a store, however often one of them is opened',
    seed: 70_023,
    options: { relays: 2, ...ANY_EDITS },
    steps: [
      { at: 31_531, kind: 'tab close', seed: 1145292590 },
      { at: 34_666, kind: 'browser crash', seed: 1250026773 },
      { at: 35_079, kind: 'edit', seed: 537619384 },
      { at: 35_442, kind: 'quota', seed: 1034965782 },
      { at: 37_289, kind: 'tab open', seed: 591538868 },
      { at: 38_937, kind: 'freeze', seed: 1534769720 },
      { at: 39_423, kind: 'tab open', seed: 1302933951 },
      { at: 52_271, kind: 'tab open', seed: 796827175 },
    ],
  },
  {
    title: '[P10] what a memory replica submits again after a fork is not joined with what rests on records between',
    seed: 720_096,
    options: {
      relays: 1,
      faults: [...COPIES, 'relay lost write', 'quota'],
      faultsPerMinute: 25,
      ...ANY_EDITS,
    },
  },
  {
    title: '[P10] a relay takes the last piece again where it could not read what that is joined with',
    seed: 7813,
    options: { relays: 2, replicas: 2, documents: 1, editsPerMinute: 90, ...ANY_EDITS },
  },
  {
    title: '[P1] what a relay lost and named anew is not joined with what a client folded under that name',
    seed: 3006,
    options: { relays: 1, folds: true, ...ANY_EDITS },
    steps: [
      { at: 19_164, kind: 'type', seed: 1525898185 },
      { at: 20_018, kind: 'type', seed: 1873492627 },
      { at: 20_188, kind: 'nest', seed: 1488344596 },
      { at: 20_988, kind: 'edit', seed: 1975090555 },
      { at: 21_915, kind: 'nest', seed: 1560243309 },
      { at: 24_280, kind: 'relay lost write', seed: 61782616 },
      { at: 51_069, kind: 'quota', seed: 580908885 },
      { at: 53_382, kind: 'erase', seed: 761800994 },
      { at: 53_737, kind: 'type', seed: 313736751 },
      { at: 55_968, kind: 'nest', seed: 321932682 },
      { at: 57_040, kind: 'relay lost write', seed: 681294117 },
      { at: 57_091, kind: 'type', seed: 2096877063 },
    ],
  },
  ...[
    { seed: 3004, title: '[P1] a client that folded what a relay went back behind does not join two histories' },
    { seed: 3070, title: '[P1] a client that folded what a relay went back behind does not join two histories' },
    { seed: 3189, title: '[P1] a client that folded what a relay went back behind does not join two histories' },
    { seed: 8, title: '[P10] what a client holds of a history that its relay has forgotten comes to that relay' },
    {
      seed: 10_059,
      title: '[P1] what a relay sealed under a name that was given before comes to who has that already',
    },
  ].map(({ seed, title }) => ({
    title,
    seed,
    options: { relays: 1, folds: true, faults: COPIES, ...ANY_EDITS },
  })),
  ...[90_079, 90_119].map((seed) => ({
    title: '[P10] what waits for what cannot be brought, and keeps what the relay has from being taken, has forked',
    seed,
    options: {
      ...{ relays: 1, folds: true, faultsPerMinute: 25, ...ANY_EDITS },
      faults: [...COPIES, 'relay lost write', 'quota'] as const,
    },
  })),
  {
    title: '[P4] what a relay took while a client brought it what it had folded is nothing that this proves',
    seed: 20_070,
    options: { relays: 2, folds: true, faults: NOTHING_FORGOTTEN, ...ANY_EDITS },
  },
  {
    title:
      '[P8] a relay that has told its vector, and not its clocks, is asked for these before anything counts as a fork',
    seed: 3039,
    options: { relays: 2, folds: true, faults: NOTHING_FORGOTTEN, ...ANY_EDITS },
  },
  {
    title: '[P11] the simulator: a page that thaws runs no timer that it cancels then',
    seed: 2393,
    options: { relays: 1, ...ANY_EDITS },
    steps: [
      { at: 40_061, kind: 'tab open', seed: 282549247 },
      { at: 49_300, kind: 'relay commit', seed: 1784796058 },
      { at: 50_465, kind: 'nest', seed: 847055853 },
      { at: 59_114, kind: 'freeze', seed: 1695992312 },
    ],
  },
  {
    title:
      '[P1] what another tab could not store is kept also where it is shown later, as what it builds on comes later',
    seed: 90_109,
    options: { relays: 2 },
    steps: [
      { at: 7644, kind: 'freeze', seed: 136319339 },
      { at: 21_466, kind: 'tab open', seed: 641767034 },
      { at: 27_518, kind: 'type', seed: 311351618 },
      { at: 32_146, kind: 'storage closed', seed: 912384220 },
      { at: 37_359, kind: 'type', seed: 1660322577 },
      { at: 42_007, kind: 'freeze', seed: 642459596 },
      { at: 58_798, kind: 'tab crash', seed: 1901373749 },
    ],
  },
  {
    title:
      '[P10] what a device had no room for is fetched from the relay that had it: another one may lack what edits build on',
    seed: 70_044,
    options: { relays: 2 },
    steps: [
      { at: 590, kind: 'tab close', seed: 1900942783 },
      { at: 612, kind: 'tab open', seed: 539187098 },
      { at: 2875, kind: 'quota', seed: 427269 },
      { at: 4654, kind: 'tab open', seed: 311456947 },
      { at: 5308, kind: 'edit', seed: 1945163634 },
      { at: 5441, kind: 'tab open', seed: 11722392 },
      { at: 20_716, kind: 'tab open', seed: 399957595 },
      { at: 21_197, kind: 'tab close', seed: 1237471490 },
      { at: 21_815, kind: 'tab crash', seed: 533695248 },
      { at: 31_767, kind: 'tab close', seed: 1750268444 },
      { at: 32_075, kind: 'edit', seed: 1251166796 },
      { at: 51_477, kind: 'edit', seed: 1869059083 },
      { at: 55_037, kind: 'edit', seed: 1296271676 },
    ],
  },
  {
    title: '[P4] the simulator: a tab that slept hears of what another, closed by then, typed and was acknowledged',
    seed: 90_093,
    options: { relays: 2 },
    steps: [
      { at: 11_313, kind: 'nest', seed: 655524350 },
      { at: 14_836, kind: 'sleep', seed: 927705117 },
      { at: 21_961, kind: 'tab open', seed: 1878172443 },
      { at: 22_846, kind: 'nest', seed: 367071536 },
      { at: 28_864, kind: 'tab close', seed: 1521185844 },
    ],
  },
  ...[800_015, 800_031].map((seed) => ({
    title: '[P2][P8] on slow ways, a relay that is behind a client which folded is taken for no fork',
    seed,
    options: { relays: 3, replicas: 6, folds: true, faultsPerMinute: 20, faults: SLOW_WAYS },
  })),
  {
    title: '[P10] a relay whose clock was put back while it left another alone finds it again',
    seed: 52,
    options: { replicas: 2, mesh: true, durationMs: 30_000 },
    steps: [
      { at: 23_900, kind: 'relay crash', seed: 822232935 },
      { at: 24_960, kind: 'relay clock jump', seed: 1670636888 },
    ],
  },
  {
    title: '[P10] a relay whose clock was put back finds the one that forgot it, and folded meanwhile',
    seed: 4183,
    options: { relays: 3, mesh: true, folds: true, faults: NOTHING_FORGOTTEN_IN_MESH, ...ANY_EDITS },
  },
  {
    title: '[P1] what was fetched while a document was loaded is shown, although the log was read before',
    seed: 41_508,
    options: {
      ...{ relays: 1, replicas: 3, documents: 16, durationMs: 6000, editsPerMinute: 200, faultsPerMinute: 30 },
      faults: ['relay misread', 'browser crash', 'evict', 'delay'],
    },
  },
  {
    title: '[P5] an edit that the store lost is missed where a relay refuses what its tab typed next, and brought back',
    seed: 51_054,
    options: { relays: 1, ...ANY_EDITS },
    steps: [
      { at: 16_480, kind: 'relay crash', seed: 2028088748 },
      { at: 18_886, kind: 'edit', seed: 951449149 },
      { at: 18_916, kind: 'client lost write', seed: 690838871 },
      { at: 21_894, kind: 'nest', seed: 929996335 },
    ],
  },
  ...[
    { seed: 11, title: '[P7] what two relays hold under one name is sealed again once, also where it is folded' },
    { seed: 41, title: '[P10] records that rest on one another are taken where all that they hold comes first' },
  ].map(({ seed, title }) => ({
    title,
    seed,
    options: { relays: 2, faults: ['profile restore', 'clone', 'tab crash', 'break'] as const, edits: undefined },
  })),
  {
    title: '[P7] a relay that gave up what was newest in its log does not push for ever',
    seed: 240_046,
    options: { relays: 3, mesh: true, folds: true, faults: ROT, faultsPerMinute: 30, ...ANY_EDITS },
  },
  ...[100_098, 120_006].map((seed) => ({
    title: '[P8] a relay that cannot write while it gives a document up gives no name of its own twice',
    seed,
    options: {
      ...(seed < 110_000 ? { relays: 1 } : { relays: 3, mesh: true }),
      faults: ROT,
      faultsPerMinute: 30,
      ...ANY_EDITS,
    },
  })),
  ...[24_476, 28_492].map((seed) => ({
    title: '[P1][P5] records are joined for a client that comes back only where none is missing between them',
    seed,
    options: { relays: 2, replicas: 2, documents: 1, editsPerMinute: 90, edits: undefined },
    onTop: true as const,
  })),
  ...[24, 25, 28].map((seed) => ({
    title: "[P5][P10] a row that is gone from the middle of a relay's log is missed, and its document fetched again",
    seed,
    options: {
      relays: 1,
      faults: ['relay lost row', 'break', 'relay crash'] as const,
      faultsPerMinute: 20,
      ...ANY_EDITS,
    },
  })),
  ...[
    [1, 1],
    [17, 2],
  ].map(([seed = 0, relays]) => ({
    title: '[P8] a row of a relay in the place of another is no fork',
    seed,
    options: {
      relays,
      faults: ['relay misdirected write', 'break', 'relay crash'] as const,
      faultsPerMinute: 20,
      ...ANY_EDITS,
    },
  })),
  ...[
    {
      title: '[P2][P9] a commit that fails where nothing can be read is told to its senders, and ends nobody else',
      seed: 1,
      relays: 1,
    },
    { title: '[P10] a store that fails for good since its disk was away is opened anew', seed: 10, relays: 1 },
    {
      title: '[P10] a store that fails for good since its disk was away is opened anew',
      seed: 5,
      relays: 3,
      mesh: true,
    },
  ].map(({ title, seed, ...world }) => ({
    title,
    seed,
    options: {
      ...world,
      faults: ['relay disk away', 'break', 'relay crash'] as const,
      faultsPerMinute: 8,
      ...ANY_EDITS,
    },
  })),
  {
    title: '[P1] what was damaged is fetched from a relay that got it later, and tells of it by a receipt',
    seed: 101_163,
    options: { relays: 3, mesh: true },
    steps: [
      { at: 7422, kind: 'relay power', seed: 38271451 },
      { at: 36_346, kind: 'profile restore', seed: 1702500124 },
      { at: 39_170, kind: 'relay crash', seed: 1959637414 },
      { at: 45_176, kind: 'mesh partition', seed: 948373350 },
      { at: 45_742, kind: 'edit', seed: 764845512 },
      { at: 49_938, kind: 'client torn write', seed: 2143233733 },
      { at: 50_943, kind: 'relay power', seed: 649970648 },
    ],
  },
  {
    title: '[P1] what another tab stored is not taken for seen where the log could not be read for it',
    seed: 1_200_033,
    options: { relays: 2 },
    steps: [
      { at: 2160, kind: 'edit', seed: 1076396272 },
      { at: 3664, kind: 'tab crash', seed: 1852439174 },
      { at: 12_178, kind: 'sleep', seed: 354544748 },
      { at: 16_979, kind: 'type', seed: 943098194 },
      { at: 17_436, kind: 'edit', seed: 512779559 },
      { at: 18_959, kind: 'edit', seed: 539060471 },
      { at: 19_229, kind: 'storage closed', seed: 1628954602 },
      { at: 25_932, kind: 'tab close', seed: 1559405762 },
      { at: 28_241, kind: 'abort', seed: 906295436 },
      { at: 29_843, kind: 'storage closed', seed: 388658820 },
    ],
  },
  {
    title: '[P2][P10] a relay that sleeps has not said that nothing waits when only a part of a message was committed',
    seed: 720_006,
    options: { relays: 2, folds: true, faults: ASLEEP, faultsPerMinute: 25, ...ANY_EDITS },
  },
  {
    title: '[P4] a relay that sleeps gives no offset away twice when it gave up what its log ended with',
    seed: 61,
    options: { relays: 2, folds: true, faults: GIVEN_UP_ASLEEP, faultsPerMinute: 30 },
  },
  {
    title: '[P4] what a relay acknowledged while the storage did not open is not shown as waiting when it does',
    seed: 400_042,
    options: { relays: 2 },
    steps: [
      { at: 6677, kind: 'storage shut', seed: 1104977852 },
      { at: 10_658, kind: 'edit', seed: 131279740 },
    ],
  },
  {
    title: '[P4] nor is it where the storage had the document before',
    seed: 430_023,
    options: { relays: 1 },
    steps: [
      { at: 17_568, kind: 'edit', seed: 167455696 },
      { at: 18_617, kind: 'storage shut', seed: 809220920 },
      { at: 18_686, kind: 'edit', seed: 491910812 },
    ],
  },
]

test.each(FAILED.filter(inShare))('$title (seed $seed)', async ({ seed, options, steps, onTop = false }) => {
  const world = { edits: ['edit'] as const, ...options }
  const { failure } = await runSeed(seed, world, steps ?? planSteps(seed, world, onTop))
  expect(failure).toBeUndefined()
})

test('[P11] the simulator: a timer that came due in a frozen process can still be cancelled', async () => {
  const clock = createClock(createChance(1))
  const process = createProcess('tab', clock, createChance(1), { process: undefined })
  const ran: string[] = []
  const cancels = ['kept', 'cancelled'].map((name) => process.environment.setTimer(() => ran.push(name), 10))
  process.freeze()
  process.run(() => cancels[1]?.())
  await clock.run(20)
  process.thaw()
  await clock.run(30)
  expect(ran).toEqual(['kept'])
})

test('[P10] the simulator: a connection that was full tells when it is empty, whatever it sent last', async () => {
  const clock = createClock(createChance(1))
  const way: Path = { delayMs: 1, tailMs: 0, bandwidth: 1000, loss: 0, cut: new Set() }
  let drained = 0
  const told = (): void => void drained++
  const pipe = createPipe({ clock, chance: createChance(1), way, isCut: () => false, take() {}, gaveUp() {} })
  pipe.send(new Uint8Array(100_000), told)
  for (let n = 0; n < 3; n++) pipe.send(new Uint8Array(10), told)
  await clock.run(10_000)
  expect([drained, pipe.buffered]).toEqual([1, 0])
})

describe('signs of life', () => {
  test('[P10] a client that only reads keeps its connection (seed 2)', async () => {
    const world = createWorld({ seed: 2, replicas: 2, relays: 1, documents: 1 })
    const dials = new Set<unknown>()
    try {
      for (let at = 1000; at < 120_000; at += 3000) {
        await world.clock.run(at)
        for (const link of world.network.links('replica1')) dials.add(link)
        const [tab] = world.replicas[0]?.tabs ?? []
        tab?.process.run(() => tab.notes.get('note 0')?.handle.doc.getText('text').insert(0, 'a'))
      }
      expect(dials.size).toBe(1)
      const [entry] = world.relays[0]?.disk.batches().flatMap(({ entries }) => entries) ?? []
      const origin = entry !== undefined && 'record' in entry ? entry.record.origin : ''
      const read = headOf(world.checkers.vector('replica1', 'note 0'), origin).seq
      expect(read).toBeGreaterThan(30)
      expect(world.failure).toBeUndefined()
    } finally {
      world.close()
    }
  })

  test('[P10] a clock that is put back hides no dead connection (seed 4, 3 relays)', () => {
    const session = createSession({ role: 'dialer', replica: 'a'.repeat(16), now: 10_000_000 })
    session.hello('all', '')
    const welcome = { type: 'welcome', version: 1, replica: 'b'.repeat(16), epoch: 'c'.repeat(16), head: 0 } as const
    session.receive({ ...welcome, resumed: false }, 10_000_000)
    expect(session.tick(1000)).toEqual([])
    expect(session.tick(1000 + PING_EVERY_MS)).toEqual([{ do: 'ping' }])
    expect(session.tick(1001 + SILENCE_MS_MAX).at(-1)).toMatchObject({ do: 'end', code: 'timeout' })
  })
})

test('[P3] a live record of a document that is being fetched is left to the answer, and the place counts it', () => {
  const session = createSession({ role: 'dialer', replica: 'a'.repeat(16), now: 0 })
  const ref = { document: 'note', epoch: FIRST_EPOCH, gc: true }
  session.hello('all', '')
  const welcome = { type: 'welcome', version: 1, replica: 'b'.repeat(16), epoch: 'c'.repeat(16), head: 0 } as const
  session.receive({ ...welcome, resumed: false }, 0)
  session.receive({ type: 'catalog', last: true, documents: [{ ...ref, fingerprint: 'd'.repeat(16) }] }, 0)
  session.differ([{ ref, vector: new Map() }], true)
  expect(session.receive({ type: 'entries', ...ref, through: 1, runs: [] }, 0)).toEqual([])
  expect(session.receive({ type: 'entries', ...ref, through: 0, runs: [] }, 0)).toMatchObject([{ do: 'store' }])
  const settled = session.receive({ type: 'vector', ...ref, vector: new Map(), reply: false }, 0)
  expect(settled.at(-1)).toEqual({ do: 'settled', place: { epoch: 'c'.repeat(16), offset: 1 } })
  expect(session.receive({ type: 'entries', ...ref, through: 2, runs: [] }, 0)).toMatchObject([{ do: 'store' }])
})
