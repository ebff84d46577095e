/**
 * Everything that goes wrong, by kind. A fault picks its victims by a chance of its own, so that it does the same when other
 * steps are left out. What it breaks mends by itself after a while, or when the world is healed.
 */
import { MESH_FAULTS } from './mesh.ts'
import { NETWORK_FAULTS } from './network.ts'
import { RELAY_FAULTS } from './relay.ts'
import { STORAGE_FAULTS } from './storage.ts'
import { TAB_FAULTS } from './tabs.ts'

export const FAULTS = { ...NETWORK_FAULTS, ...RELAY_FAULTS, ...TAB_FAULTS, ...STORAGE_FAULTS, ...MESH_FAULTS } as const

export type FaultKind = keyof typeof FAULTS

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[]

/** What copies the storage of a device, or spoils it. */
export const COPIED_OR_SPOILT: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'clone',
  'profile restore',
  'client rot',
  'client torn write',
  'client misdirected write',
  'client lost write',
])

/** What rows, notes and stores of relays come to that no checksum shows. */
const RELAY_SPOILT: readonly FaultKind[] = [
  'relay lost row',
  'relay misdirected write',
  'relay disk away',
  'relay lost note',
]

/** What the power of a device takes with it. */
const POWER = ['client power', 'client power unheeded'] as const satisfies readonly FaultKind[]

/** On top of every eighth. */
export const ON_TOP_IN_TABS: readonly FaultKind[] = ['steal', 'storage shut']

/** In a mesh too: a row that was never written is not noticed in all cases. A world that puts documents away has no room on any device. */
export const UNSETTLED_IN_MESH: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...POWER,
  ...ON_TOP_IN_TABS,
  ...RELAY_SPOILT,
  'relay rot',
  'relay sleep',
  'client lost write',
  'put away',
])

/** Kinds that are only injected where they are asked for, in a mesh, or on top. */
export const UNSETTLED: ReadonlySet<FaultKind> = new Set<FaultKind>([...COPIED_OR_SPOILT, ...UNSETTLED_IN_MESH])

/** In a mesh whose logs are folded all the time: relays believe one another's word for chains that they have forgotten. */
export const UNSETTLED_IN_FOLDED_MESH: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...COPIED_OR_SPOILT,
  'client power unheeded',
  'relay restore',
  'relay lost write',
  'mesh wipe',
])

/**
 * Kinds that were found to heal later than others. Where no kinds are asked for, every fourth seed has them on top of its other steps: so
 * the others stay what they were, and with them what is known of them.
 */
export const ON_TOP: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'relay rot',
  ...[...COPIED_OR_SPOILT].filter((kind) => kind !== 'client lost write'),
])

/** On top of other seeds than those: nothing else there takes what was stored, or would excuse that. Every second also has what a browser loses that heeds nothing. */
export const POWER_ON_TOP = (seed: number): readonly FaultKind[] => (seed % 8 === 6 ? POWER : ['client power'])

/**
 * On top of others again: where devices and their only relay are spoiled at once, nobody may have what an edit rests on, and then it
 * cannot be sent, for ever.
 */
export const ON_TOP_AT_RELAYS: readonly FaultKind[] = RELAY_SPOILT.filter((kind) => kind !== 'relay lost note')

/** On top of every sixteenth: relays that lose their memory between messages, and with it what they had not stored of themselves. */
export const ON_TOP_ASLEEP: readonly FaultKind[] = ['relay sleep', 'relay sleep', 'relay disk away']

/** Names for several kinds at once, for the command line. */
export const FAULT_GROUPS: Readonly<Record<string, readonly FaultKind[]>> = {
  network: Object.keys(NETWORK_FAULTS) as FaultKind[],
  relay: Object.keys(RELAY_FAULTS) as FaultKind[],
  tabs: Object.keys(TAB_FAULTS) as FaultKind[],
  storage: Object.keys(STORAGE_FAULTS) as FaultKind[],
  mesh: Object.keys(MESH_FAULTS) as FaultKind[],
  partition: ['partition', 'one-way partition', 'one way', 'half open', 'swizzle'],
  crash: ['relay crash', 'relay power', 'relay commit', 'tab crash', 'browser crash'],
}
