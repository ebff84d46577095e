/** One run of one seed: a world, its steps, its healing, and what must hold then. */

import { EDIT_KINDS, type EditKind } from '../edits/editor.ts'
import { FAULTS, type FaultKind } from '../faults/index.ts'
import { createChance } from '../time/chance.ts'
import type { World } from '../world/types.ts'
import { createWorld } from '../world/world.ts'
import { checkConverged } from './converged.ts'
import { heal } from './heal.ts'
import { DEFAULTS, type SeedResult, type SimulateOptions, type Step } from './options.ts'
import { hasMemoryReplica, planSteps } from './plan.ts'
import { becomeQuiet } from './quiet.ts'

/** One run of a seed, with these steps or its own. A failure is told, not raised. */
export async function runSeed(
  seed: number,
  options: Omit<SimulateOptions, 'seeds'> = {},
  steps: readonly Step[] = planSteps(seed, options),
): Promise<SeedResult> {
  const settings = { ...DEFAULTS, ...options }
  const startedAt = performance.now()
  const usedBefore = process.cpuUsage()
  const world = createWorld({
    seed,
    replicas: settings.replicas,
    relays: settings.relays,
    mesh: options.mesh,
    documents: settings.documents,
    memoryReplicas: hasMemoryReplica(seed) && settings.replicas > 2 ? 1 : 0,
    forgetful: steps.some(({ kind }) => kind === 'client power unheeded'),
    roomless: steps.some(({ kind }) => kind === 'put away'),
    folds: options.folds,
    sleeps: steps.some(({ kind }) => kind === 'relay sleep'),
    recording: options.recording,
    bend: options.bend,
    trace: options.trace,
  })
  const failed = (): boolean => world.failure !== undefined
  const unhandled = (error: unknown): void =>
    world.fail(`[P5] nobody handles ${error instanceof Error ? error.stack : error}`)
  process.on('unhandledRejection', unhandled)
  const injected: Record<string, number> = {}
  try {
    for (const step of steps) world.clock.after(step.at, () => perform(world, step, options, injected))
    await world.clock.run(settings.durationMs, failed)
    await heal(world)
    if (!failed()) await becomeQuiet(world)
    if (!failed()) await whileTimeGoesOn(world, checkConverged(world))
    if (!failed()) checkInvariant(world, options)
  } catch (error) {
    world.fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    world.close()
    // Node tells of what nobody handles when it comes to rest: a short run goes by without that.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
  }
  const used = process.cpuUsage(usedBefore)
  return {
    seed,
    hash: world.hash(),
    failure: world.failure,
    steps,
    injected,
    virtualMs: world.clock.now(),
    realMs: performance.now() - startedAt,
    cpuMs: (used.user + used.system) / 1000,
    edits: world.checkers.edits.length,
    frames: world.framesDelivered(),
  }
}

/** Edits in one go. */
const BURST_MAX = 6
/** How often somebody who edits waits for a receipt. */
const ASKS = 0.3

function perform(
  world: World,
  step: Step,
  options: Omit<SimulateOptions, 'seeds'>,
  injected: Record<string, number>,
): void {
  world.note(`step ${step.kind} ${step.seed}`)
  if (isFault(step.kind) && options.actions?.[step.kind] === undefined) inject(world, step.kind, step, injected)
  else edit(world, step, options)
}

const isFault = (kind: string): kind is FaultKind => Object.hasOwn(FAULTS, kind)

const isEditKind = (kind: string): kind is EditKind => (EDIT_KINDS as readonly string[]).includes(kind)

function inject(world: World, kind: FaultKind, step: Step, injected: Record<string, number>): void {
  Promise.resolve(FAULTS[kind](world, createChance(step.seed))).then(
    (done) => {
      if (done) injected[kind] = (injected[kind] ?? 0) + 1
    },
    (error: unknown) => world.fail(`the fault ${kind} failed: ${String(error)}`),
  )
}

function edit(world: World, step: Step, options: Omit<SimulateOptions, 'seeds'>): void {
  const chance = createChance(step.seed)
  const replica = chance.one(world.replicas)
  if (replica.tabs.length === 0) return
  const tab = chance.one(replica.tabs)
  const document = chance.one(world.documents)
  if (!tab.notes.has(document)) return
  const action = options.actions?.[step.kind]
  const { kind } = step
  tab.process.run(() => {
    // A frozen tab may close it before it comes to this.
    const note = tab.notes.get(document)
    if (note === undefined) return
    if (action !== undefined) action(note.handle, chance)
    else if (isEditKind(kind)) {
      for (let left = 1 + chance.below(BURST_MAX); left > 0; left--) note.editor.edit(kind, chance)
    }
    if (chance.happens(ASKS)) world.askSaved(tab, note, chance.one(['device', 'relay']))
  })
}

/** What is read of a disk waits for the transaction that is under way there. */
async function whileTimeGoesOn(world: World, work: Promise<void>): Promise<void> {
  let over = false
  const ended = work.finally(() => {
    over = true
  })
  while (!over) await world.clock.run(world.clock.now() + 10)
  return ended
}

function checkInvariant(world: World, { invariant, content }: Omit<SimulateOptions, 'seeds'>): void {
  const shown = new Map<string, string>()
  for (const { tabs, name } of world.replicas) {
    for (const { notes } of tabs) {
      for (const { handle } of notes.values()) {
        invariant?.(handle)
        const text = content?.(handle) ?? ''
        const first = shown.get(handle.id) ?? text
        shown.set(handle.id, first)
        if (text !== first) world.fail(`[P1] ${name} shows ${text} of ${handle.id}, another ${first}`)
      }
    }
  }
}
