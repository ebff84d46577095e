/**
 * Runs worlds from seeds: random edits under random faults, then everything is healed, and when it is quiet all replicas
 * must agree. A seed that fails is run again with fewer steps, until no step can be left out.
 */
import { type Chance, createChance } from './chance.ts'
import { checkConverged } from './converged.ts'
import { FAULT_KINDS, FAULTS, type FaultKind, ONE_RELAY_ONLY, openAgain, UNSETTLED } from './faults.ts'
import { type Bend, createWorld, type SimNote, type World } from './world.ts'

export interface SimulateOptions {
  /** How many seeds to run, or which. */
  seeds: number | readonly number[]
  /** The first of them, where they are counted. */
  firstSeed?: number
  replicas?: number
  relays?: number
  documents?: number
  /** Virtual time with edits and faults, before the healing. */
  durationMs?: number
  /** Edits of one replica in a minute. */
  editsPerMinute?: number
  /** Faults in a minute, in the whole world. */
  faultsPerMinute?: number
  /** Kinds of faults that may happen; each seed switches some of them off. */
  faults?: readonly FaultKind[]
  /** An app's own edits, in place of random ones. */
  actions?: Readonly<Record<string, Action>>
  /** Raises an error where a document is not as the app promises; asked when all is quiet. */
  invariant?(note: SimNote['handle']): void
  /** What an app shows of a document; it must be the same everywhere when all is quiet. */
  content?(note: SimNote['handle']): string
  /** How often a failure is run again to find fewer steps. */
  shrinkRunsMax?: number
  bend?: Bend
  /** Is told everything that happens, a line each. */
  trace?(line: string): void
}

/** One edit of an app. What it needs of chance it takes from `chance`. */
export type Action = (note: SimNote['handle'], chance: Chance) => void

/** What happens at one moment of virtual time. The seed decides over everything else about it. */
export interface Step {
  readonly at: number
  readonly kind: string
  readonly seed: number
}

export interface SeedResult {
  seed: number
  hash: string
  failure?: string
  steps: readonly Step[]
  injected: Record<string, number>
  virtualMs: number
  realMs: number
  edits: number
  frames: number
}

export interface SimulateResult {
  runs: number
  virtualMs: number
  realMs: number
  /** Virtual time in real time. */
  speed: number
  edits: number
  injected: Record<string, number>
  failures: Failure[]
}

export interface Failure {
  seed: number
  failure: string
  steps: readonly Step[]
  /** As few steps as were found to fail as well. */
  shrunk: readonly Step[]
}

const DEFAULTS = {
  replicas: 4,
  relays: 2,
  documents: 2,
  durationMs: 60_000,
  editsPerMinute: 30,
  faultsPerMinute: 12,
  shrinkRunsMax: 100,
} as const

/** Runs all seeds; stops at none. Failures are told, not raised. */
export async function simulate(options: SimulateOptions): Promise<SimulateResult> {
  const { seeds, firstSeed = 1 } = options
  const list = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, i) => firstSeed + i) : seeds
  const total: SimulateResult = { runs: 0, virtualMs: 0, realMs: 0, speed: 0, edits: 0, injected: {}, failures: [] }
  for (const seed of list) {
    const result = await runSeed(seed, options)
    total.runs++
    total.virtualMs += result.virtualMs
    total.realMs += result.realMs
    total.edits += result.edits
    for (const [kind, count] of Object.entries(result.injected)) {
      total.injected[kind] = (total.injected[kind] ?? 0) + count
    }
    if (result.failure === undefined) continue
    const shrunk = await shrink(seed, result.steps, options)
    total.failures.push({ seed, failure: result.failure, steps: result.steps, shrunk })
  }
  total.speed = total.realMs === 0 ? 0 : total.virtualMs / total.realMs
  return total
}

/** The steps of a seed. */
export function planSteps(seed: number, options: SimulateOptions): Step[] {
  const chance = createChance(seed).fork('plan')
  const { replicas, relays, durationMs, editsPerMinute, faultsPerMinute } = { ...DEFAULTS, ...options }
  const kinds = options.faults ?? FAULT_KINDS.filter((kind) => isSettled(kind, seed, relays))
  const allowed = kinds.filter(() => chance.happens(0.5))
  const actions = options.actions === undefined ? ['edit'] : Object.keys(options.actions)
  const minutes = durationMs / 60_000
  const steps: Step[] = []
  const add = (kind: string): void => {
    steps.push({ at: chance.below(durationMs), kind, seed: chance.below(2 ** 31) })
  }
  for (let left = Math.round(minutes * editsPerMinute * replicas); left > 0; left--) add(chance.one(actions))
  if (allowed.length > 0) {
    for (let left = Math.round(minutes * faultsPerMinute); left > 0; left--) add(chance.one(allowed))
  }
  return steps.sort((a, b) => a.at - b.at)
}

/** Whether every run with this fault is known to heal. */
function isSettled(kind: FaultKind, seed: number, relays: number): boolean {
  if (UNSETTLED.has(kind)) return false
  // A restored relay that seals for others may give a dot twice: between relays nobody decides yet which content keeps it.
  return relays === 1 || !(ONE_RELAY_ONLY.has(kind) || (kind === 'relay restore' && hasMemoryReplica(seed)))
}

/** Every third world has a replica that keeps nothing on its device. */
const hasMemoryReplica = (seed: number): boolean => seed % 3 === 0

/** One run of a seed, with these steps or its own. */
export async function runSeed(
  seed: number,
  options: SimulateOptions,
  steps: readonly Step[] = planSteps(seed, options),
): Promise<SeedResult> {
  const settings = { ...DEFAULTS, ...options }
  const startedAt = performance.now()
  const world = createWorld({
    seed,
    replicas: settings.replicas,
    relays: settings.relays,
    documents: settings.documents,
    memoryReplicas: hasMemoryReplica(seed) && settings.replicas > 2 ? 1 : 0,
    bend: options.bend,
    trace: options.trace,
  })
  const unhandled = (error: unknown): void =>
    world.fail(`[P5] nobody handles ${error instanceof Error ? error.stack : error}`)
  process.on('unhandledRejection', unhandled)
  const injected: Record<string, number> = {}
  try {
    for (const step of steps) world.clock.after(step.at, () => perform(world, step, options, injected))
    await world.clock.run(settings.durationMs, () => world.failure !== undefined)
    await heal(world)
    if (world.failure === undefined) await becomeQuiet(world)
    if (world.failure === undefined) await whileTimeGoesOn(world, checkConverged(world))
    if (world.failure === undefined) checkInvariant(world, options)
  } catch (error) {
    world.fail(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    process.off('unhandledRejection', unhandled)
    world.close()
  }
  return {
    seed,
    hash: world.hash(),
    failure: world.failure,
    steps,
    injected,
    virtualMs: world.clock.now(),
    realMs: performance.now() - startedAt,
    edits: world.checkers.edits.length,
    frames: world.network.frames,
  }
}

function perform(world: World, step: Step, options: SimulateOptions, injected: Record<string, number>): void {
  const chance = createChance(step.seed)
  world.note(`step ${step.kind} ${step.seed}`)
  if (step.kind in FAULTS) {
    const fault = FAULTS[step.kind as FaultKind]
    Promise.resolve(fault(world, chance)).then(
      (done) => {
        if (done) injected[step.kind] = (injected[step.kind] ?? 0) + 1
      },
      (error: unknown) => world.fail(`the fault ${step.kind} failed: ${String(error)}`),
    )
    return
  }
  const replica = chance.one(world.replicas)
  if (replica.tabs.length === 0) return
  const tab = chance.one(replica.tabs)
  const document = chance.one(world.documents)
  const note = tab.notes.get(document)
  if (note === undefined) return
  tab.process.run(() => {
    const action = options.actions?.[step.kind]
    if (action !== undefined) action(note.handle, chance)
    else for (let left = 1 + chance.below(6); left > 0; left--) note.editor.edit(chance)
    if (chance.happens(0.3)) world.askSaved(tab, note, chance.one(['device', 'relay']))
  })
}

/** Everything works again: whoever was away comes back, and nothing more goes wrong. */
async function heal(world: World): Promise<void> {
  // What faults still have in store, to mend or to break, happens first.
  await world.clock.run(world.clock.now() + MENDED_WITHIN_MS, () => world.failure !== undefined)
  for (const relay of world.relays) {
    relay.disk.full = false
    relay.disk.fate = 'done'
    world.startRelay(relay)
    for (const { name } of world.replicas) {
      const way = world.network.path(name, relay.name)
      way.cut = false
      way.tailMs = 0
    }
  }
  for (const link of world.network.links()) link.mend()
  for (const replica of world.replicas) {
    replica.disk.mood = 'well'
    for (const tab of replica.tabs) tab.process.thaw()
    // A damaged row is found when it is read: when its document is opened.
    if (world.explained.has('corrupt')) for (const tab of [...replica.tabs]) world.killTab(replica, tab)
    openAgain(world, replica)
  }
}

const MENDED_WITHIN_MS = 45_000
/** A silent connection is noticed within 45 s, a relay is dialled again within 30 s, and each side may need both. */
const SYNCED_WITHIN_MS = 180_000
/** Between two moves: long enough for a connection to count as healthy. */
const STAY_MS = 13_000
/** With nothing to say nothing is said for this long. */
const SILENT_MS = 30_000

/** Clients move from relay to relay, twice around, and carry what each of them lacks. */
async function becomeQuiet(world: World): Promise<void> {
  const { clock } = world
  const failed = (): boolean => world.failure !== undefined
  const rounds = world.relays.length === 1 ? 1 : 2 * world.relays.length
  for (let round = 0; round < rounds && !failed(); round++) {
    if (round > 0) for (const link of world.network.links()) link.cut()
    // Status of before the cut is none: the cut is only an event away.
    await clock.run(clock.now() + 1, failed)
    await clock.run(clock.now() + SYNCED_WITHIN_MS, () => failed() || isSynced(world))
    if (!failed() && !isSynced(world)) return world.fail(`[P10] not synced in round ${round}: ${whoIsNot(world)}`)
    await clock.run(clock.now() + STAY_MS, failed)
  }
  for (const { tabs } of world.replicas) {
    for (const tab of tabs) for (const note of tab.notes.values()) world.askSaved(tab, note, 'relay')
  }
  await clock.run(clock.now() + 1000, failed)
  for (const { tabs, name } of world.replicas) {
    for (const { notes } of tabs) {
      for (const { edits, handle } of notes.values()) {
        if (edits.some(({ safety }) => safety !== 'relay'))
          world.fail(`[P10] ${name} still waits for a receipt of ${handle.id}`)
      }
    }
  }
  const before = world.framesDelivered()
  await clock.run(clock.now() + SILENT_MS, failed)
  const frames = world.framesDelivered() - before
  if (frames > 0 && !failed()) world.fail(`[P10] ${frames} frames were sent with nothing to say`)
}

function isSynced(world: World): boolean {
  return world.replicas.every(({ tabs }) =>
    tabs.every(({ workspace }) => {
      const status = workspace?.status.get()
      return status?.connection === 'synced' && status.unacknowledged === 0
    }),
  )
}

const whoIsNot = (world: World): string =>
  world.replicas
    .flatMap(({ tabs }) =>
      tabs.map(({ process, workspace }) => `${process.name} ${JSON.stringify(workspace?.status.get())}`),
    )
    .join(', ')

/** What is read of a disk waits for the transaction that is under way there. */
async function whileTimeGoesOn(world: World, work: Promise<void>): Promise<void> {
  let over = false
  const ended = work.finally(() => {
    over = true
  })
  while (!over) await world.clock.run(world.clock.now() + 10)
  return ended
}

function checkInvariant(world: World, { invariant, content }: SimulateOptions): void {
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

/**
 * Leaves out steps while it still fails: faults one by one, then halves, quarters and so on of what is left, down to single
 * steps (after delta debugging; Zeller and Hildebrandt, 2002).
 */
async function shrink(seed: number, steps: readonly Step[], options: SimulateOptions): Promise<readonly Step[]> {
  let left = options.shrinkRunsMax ?? DEFAULTS.shrinkRunsMax
  let kept = steps
  async function without(gone: readonly Step[]): Promise<boolean> {
    const rest = kept.filter((step) => !gone.includes(step))
    if (left-- <= 0 || rest.length === kept.length) return false
    if ((await runSeed(seed, options, rest)).failure === undefined) return false
    kept = rest
    return true
  }
  for (const step of steps) if (step.kind in FAULTS) await without([step])
  for (let size = Math.ceil(kept.length / 2); left > 0 && size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; left > 0 && at < kept.length; ) if (!(await without(kept.slice(at, at + size)))) at += size
  }
  return kept
}
