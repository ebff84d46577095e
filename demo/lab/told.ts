/** What the mesh on this machine tells the lab, and what the lab asks of it: `tools/mesh/watch.ts` speaks it, `mesh-world.ts` hears it. */

export interface ToldWorld {
  /** The document that everybody writes into, in the notebook. */
  story: string
  /** The device that watches; absent where there are too many to name. */
  own?: string
  relays: ToldRelay[]
  devices: ToldDevice[]
  /** Pairs of names, `Ada r1`. */
  cut: string[]
  slow: string[]
}

export interface ToldRelay {
  name: string
  off: boolean
  /** Over all that it holds. */
  digest: string
  /** Updates that it keeps for another. */
  owed: Record<string, number>
}

export interface ToldDevice {
  name: string
  /** The relay that it is connected to. */
  relay?: string
  /** Whether it is a client in the mesh's own process: of browsers it is not known what they hold. */
  told: boolean
  waiting: number
  synced: boolean
}

export interface Passed {
  from: string
  to: string
  bytes: number
}

export type Command =
  | { do: 'cut' | 'slow'; a: string; b: string; on: boolean }
  | { do: 'stop' | 'start'; relay: string }
  | { do: 'write' | 'connect'; device: string }
