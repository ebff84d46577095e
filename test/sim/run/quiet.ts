/** After the healing: everybody gets in sync, everything is acknowledged, and then nobody has anything to say. */
import { PING_EVERY_MS, SILENCE_MS_MAX } from '../../../shared/limits.ts'
import type { SimReplica, SimTab, World } from '../world/types.ts'

/** A silent connection is noticed within 45 s, a relay is dialled again within 30 s, and each side may need both. */
const SYNCED_WITHIN_MS = 180_000
/** A connection that died while its tab was frozen is taken for alive until a ping has gone unanswered. */
const NOTICED_WITHIN_MS = PING_EVERY_MS + SILENCE_MS_MAX
/** Between two moves: long enough for a connection to count as healthy. */
const STAY_MS = 13_000
/** With nothing to say nothing is said for this long. */
const SILENT_MS = 30_000

/** Relays of a mesh are heard of by the next heartbeat or two after a breaker lets them try, and are compared then. */
const GOSSIPED_WITHIN_MS = 240_000

/** Clients move around all relays so often, and where something forked up to so often. */
const TURNS = 2
const TURNS_MAX = 4

/** Clients move from relay to relay and carry what each of them lacks; in a mesh they stay where they are. */
export async function becomeQuiet(world: World): Promise<void> {
  const { clock } = world
  const failed = (): boolean => world.failure !== undefined
  await clock.run(clock.now() + NOTICED_WITHIN_MS, failed)
  const { length } = world.relays
  const stays = length === 1 || world.mesh
  // What rests on the damaged waits until the relay is met that has that.
  const isWaiting = ({ name }: SimReplica): boolean => world.checkers.lacks(name)
  for (let round = 0, forks = 0; round < (stays ? 1 : TURNS_MAX * length) && !failed(); round++) {
    // What forked has other names when clients have met it at each relay, and those have to be carried around, too.
    if (round === TURNS * length && world.checkers.forksMet === forks) break
    if (round === (TURNS - 1) * length) forks = world.checkers.forksMet
    if (round > 0) for (const link of world.network.links()) link.cut()
    // Status of before the cut is none: the cut is only an event away.
    await clock.run(clock.now() + 1, failed)
    await clock.run(clock.now() + SYNCED_WITHIN_MS, () => failed() || isSynced(world))
    const isOver = round >= length || stays
    if (!failed() && !isSynced(world, isOver ? undefined : isWaiting)) {
      return world.fail(`[P10] not synced in round ${round}: ${whoIsNot(world)}`)
    }
    await clock.run(clock.now() + STAY_MS, failed)
  }
  if (world.mesh) await becomeEqual(world)
  checkSockets(world)
  checkStorage(world)
  await checkReceipts(world)
  await checkSilence(world)
}

/** All relays hold the same, and know it of each other. */
async function becomeEqual(world: World): Promise<void> {
  const views = () => world.relays.map(({ name, mesh }) => ({ name, view: mesh?.view() }))
  const isEqual = (): boolean => {
    const roots = new Set(views().map(({ view }) => view?.root))
    const all = world.relays.length - 1
    return (
      roots.size === 1 &&
      views().every(({ view }) => view?.members.filter(({ up, differs }) => up && !differs).length === all)
    )
  }
  const over = (): boolean => world.failure !== undefined || (isEqual() && isSynced(world))
  await world.clock.run(world.clock.now() + GOSSIPED_WITHIN_MS, over)
  if (over()) return
  const shown = views().map(({ name, view }) => {
    const members = view?.members.map(
      ({ address, up, differs }) => `${address}${up ? '' : ' down'}${differs ? ' differs' : ''}`,
    )
    return `${name} ${view?.root} (${members?.join(', ')})`
  })
  world.fail(`[P10] the relays do not agree: ${shown.join('; ')}; ${whoIsNot(world)}`)
}

/** However many tabs a replica has, one of them has the connection. */
function checkSockets(world: World): void {
  for (const { name, tabs, disk } of world.replicas) {
    const sockets = world.network.links(name).length
    if (disk.durable && sockets > 1) world.fail(`[P11] ${tabs.length} tabs of ${name} have ${sockets} connections`)
  }
}

/** What works again is used again. */
function checkStorage(world: World): void {
  for (const { tabs, disk } of world.replicas) {
    for (const { process, workspace } of tabs) {
      const shown = workspace?.status.get()
      if (!disk.durable || shown?.storage === 'ok') continue
      world.fail(
        `[P10] ${process.name} still shows its storage as ${shown?.storage}: ${JSON.stringify(shown?.trouble)}`,
      )
    }
  }
}

async function checkReceipts(world: World): Promise<void> {
  for (const { tabs } of world.replicas) {
    for (const tab of tabs) for (const note of tab.notes.values()) world.askSaved(tab, note, 'relay')
  }
  await world.clock.run(world.clock.now() + 1000, () => world.failure !== undefined)
  for (const { tabs, name } of world.replicas) {
    for (const { notes } of tabs) {
      for (const { edits, handle } of notes.values()) {
        if (edits.some(({ safety, excused }) => safety !== 'relay' && !excused)) {
          world.fail(`[P10] ${name} still waits for a receipt of ${handle.id}`)
        }
        const { unacknowledged, receipt } = handle.status.get()
        if (edits.length === 0 || (unacknowledged === 0 && receipt === 'relay')) continue
        world.fail(`[P10] ${name} shows ${unacknowledged} edits of ${handle.id} without a receipt: ${receipt}`)
      }
    }
  }
}

async function checkSilence(world: World): Promise<void> {
  const before = world.framesDelivered()
  const roundsBefore = roundsOf(world)
  await world.clock.run(world.clock.now() + SILENT_MS, () => world.failure !== undefined)
  const frames = world.framesDelivered() - before
  const rounds = roundsOf(world) - roundsBefore
  if (rounds > 0) world.fail(`[P10] ${rounds} rounds of comparing with nothing to mend`)
  if (frames > 0 && world.failure === undefined) world.fail(`[P10] ${frames} frames were sent with nothing to say`)
}

function isSynced(world: World, isExcepted?: (replica: SimReplica) => boolean): boolean {
  const isDone = ({ workspace }: SimTab): boolean => {
    const status = workspace?.status.get()
    return status?.connection === 'synced' && status.unacknowledged === 0
  }
  return world.replicas.every((replica) => isExcepted?.(replica) || replica.tabs.every(isDone))
}

const whoIsNot = (world: World): string =>
  world.replicas
    .flatMap(({ tabs }) =>
      tabs.map(({ process, workspace }) => `${process.name} ${JSON.stringify(workspace?.status.get())}`),
    )
    .join(', ')

const roundsOf = (world: World): number => world.relays.reduce((sum, { mesh }) => sum + (mesh?.counters.rounds ?? 0), 0)
