import type { Bend, FaultKind } from '../../../sim/index.ts'

export interface PlantedBug {
  what: string
  bend: Bend
  /** Faults without which it does not show. */
  faults: readonly FaultKind[]
  /** A world in which it shows, where that is not any. */
  world?: { documents?: number; relays?: number; folds?: boolean }
}

export const NETWORK: readonly FaultKind[] = ['break', 'half open', 'stall']
export const RELAY: readonly FaultKind[] = ['relay crash', 'relay commit', 'break']
export const BROWSER: readonly FaultKind[] = ['browser crash', 'tab crash', 'break']
