/**
 * `rejoin/testing`: runs an app's own edits on the real engine in a simulated world, where everything that goes wrong comes
 * from a seed. For one look use `simulate`; for a story of one's own use `createWorld` and its clock. It runs in any test
 * runner and without one.
 */
export { type Bounds, createBounds } from './checkers/bounds.ts'
export { type CheckersOptions, createCheckers } from './checkers/checkers.ts'
export { type ContentOracle, createContentOracle } from './checkers/content-oracle.ts'
export type { Allowances, Checkers, Safety, WrittenEdit } from './checkers/types.ts'
export { runSimulate } from './command.ts'
export { toCanonicalJson } from './edits/content.ts'
export { EDIT_KINDS, type EditKind, type Editor, type Recording } from './edits/editor.ts'
export {
  COPIED_OR_SPOILT,
  FAULT_GROUPS,
  FAULT_KINDS,
  FAULTS,
  type FaultKind,
  ON_TOP,
  UNSETTLED,
} from './faults/index.ts'
export type { Direction, Link, Network, Path } from './network/types.ts'
export { checkConverged } from './run/converged.ts'
export { heal } from './run/heal.ts'
export type { Action, Failure, SeedResult, SimulateOptions, SimulateResult, Step } from './run/options.ts'
export { planSteps } from './run/plan.ts'
export { becomeQuiet } from './run/quiet.ts'
export { runSeed } from './run/seed.ts'
export { simulate } from './simulate.ts'
export {
  type ClientDisk,
  type ClientDiskOptions,
  createClientDisk,
  type DiskCopy,
  type DiskMood,
  type DiskWrite,
} from './storage/client-disk.ts'
export {
  type CommitFate,
  createRelayDisk,
  type RelayDisk,
  type RelayDiskCopy,
  type RelayDiskOptions,
} from './storage/relay-disk.ts'
export type { Spoiling } from './storage/spoiling.ts'
export { type Chance, createChance } from './time/chance.ts'
export { type Clock, createClock } from './time/clock.ts'
export { createProcess, type Process, type Running } from './time/process.ts'
export type { Bend, SimNote, SimRelay, SimReplica, SimTab, World, WorldOptions } from './world/types.ts'
export { createWorld, docsOf } from './world/world.ts'
