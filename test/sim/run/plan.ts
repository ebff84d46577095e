/** From a seed to the steps of its run. */
import { EDIT_KINDS, type EditKind } from '../edits/editor.ts'
import {
  FAULT_KINDS,
  type FaultKind,
  ON_TOP,
  ON_TOP_ASLEEP,
  ON_TOP_AT_RELAYS,
  ON_TOP_IN_TABS,
  POWER_ON_TOP,
  UNSETTLED,
  UNSETTLED_IN_FOLDED_MESH,
  UNSETTLED_IN_MESH,
} from '../faults/index.ts'
import { MESH_FAULTS } from '../faults/mesh.ts'
import { createChance } from '../time/chance.ts'
import { DEFAULTS, type SimulateOptions, type Step } from './options.ts'

/** The steps of a seed, in their order; `onTop`: with what every fourth has on top, where no kinds of faults are asked for. */
export function planSteps(seed: number, options: Omit<SimulateOptions, 'seeds'>, onTop = true): Step[] {
  const chance = createChance(seed).fork('plan')
  const { replicas, relays, durationMs, editsPerMinute, faultsPerMinute } = { ...DEFAULTS, ...options }
  const stands = (kind: FaultKind): boolean => !isForgotten(kind, options)
  const settled = FAULT_KINDS.filter((kind) => stands(kind) && isSettled(kind, seed, relays, options.mesh === true))
  const faults = (options.faults ?? settled).filter(() => chance.happens(0.5))
  const actions = options.actions === undefined ? editKinds(seed, options) : Object.keys(options.actions)
  const minutes = durationMs / 60_000
  const steps: Step[] = []
  const add = (kind: string): void => {
    steps.push({ at: chance.below(durationMs), kind, seed: chance.below(2 ** 31) })
  }
  for (let left = Math.round(minutes * editsPerMinute * replicas); left > 0; left--) add(chance.one(actions))
  if (faults.length > 0) {
    for (let left = Math.round(minutes * faultsPerMinute); left > 0; left--) add(chance.one(faults))
  }
  if (onTop && options.faults === undefined) {
    for (const kind of onTopOf(seed)) {
      if (stands(kind) && !settled.includes(kind)) for (let left = Math.ceil(minutes); left > 0; left--) add(kind)
    }
  }
  return steps.sort((a, b) => a.at - b.at)
}

/** What seeds have on top of what they had when these kinds came; see there. */
function onTopOf(seed: number): Iterable<FaultKind> {
  if (seed % 4 === 3) return ON_TOP
  if (seed % 4 === 2) return POWER_ON_TOP(seed)
  if (seed % 4 === 0) return ON_TOP_AT_RELAYS
  if (seed % 8 === 5) return ON_TOP_IN_TABS
  return seed % 16 === 9 ? ON_TOP_ASLEEP : []
}

/** Some kinds of edits, so that each also meets itself alone. */
function editKinds(seed: number, { edits }: Pick<SimulateOptions, 'edits'>): readonly EditKind[] {
  if (edits !== undefined) return edits
  const chance = createChance(seed).fork('edits')
  const chosen = EDIT_KINDS.filter(() => chance.happens(0.5))
  // Deletions alone soon find nothing to delete.
  return chosen.every((kind) => kind === 'erase') ? ['edit', ...chosen] : chosen
}

const isForgotten = (kind: FaultKind, { mesh, folds }: Pick<SimulateOptions, 'mesh' | 'folds'>): boolean =>
  mesh === true && folds === true && UNSETTLED_IN_FOLDED_MESH.has(kind)

/** Whether every run with this fault is known to heal. */
function isSettled(kind: FaultKind, seed: number, relays: number, mesh: boolean): boolean {
  if (mesh) return !UNSETTLED_IN_MESH.has(kind)
  if (kind in MESH_FAULTS || UNSETTLED.has(kind)) return false
  // A relay that lost what it had sealed for others may give a dot twice: between relays that do not know each other nobody decides.
  const forgets = kind === 'relay restore' || kind === 'relay lost write'
  return relays === 1 || !(forgets && hasMemoryReplica(seed))
}

/** Every third world has a replica that keeps nothing on its device. */
export const hasMemoryReplica = (seed: number): boolean => seed % 3 === 0
