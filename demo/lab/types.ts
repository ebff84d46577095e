/** What the lab shows and lets one do, whether it is a world in the page or the mesh that serves it. */
import type * as Y from 'yjs'
import type { Mark } from './marks.ts'

export interface LabNode {
  readonly name: string
  readonly kind: 'device' | 'relay'
  /** What it holds, mark by mark. */
  marks(): readonly Mark[]
  /** Whether that is known: a browser elsewhere does not say. */
  readonly told: boolean
  /** Edits that no relay has acknowledged, of a device. */
  waiting(): number
  /** A relay that is stopped, or a device that is cut off. */
  readonly off: boolean
}

export interface Device extends LabNode {
  readonly kind: 'device'
  /** It is the one that shows the lab. */
  readonly isOwn: boolean
  /** Tabs that it has open, as far as that is known. */
  readonly tabs: number
  write(): void
  /** The relay it is connected to. */
  relay(): string | undefined
  /** All that it keeps, first the one that everybody writes into. */
  readonly documents: readonly Y.Doc[]
  /** It and its relay have nothing for one another. */
  synced(): boolean
}

export interface Relay extends LabNode {
  readonly kind: 'relay'
  toggle(): void
  /** Updates that wait here for another relay. */
  owed(to: string): number
  /** A hash over the versions of all that it has: equal where two have the same. */
  digest(): string
  /** What it has of the document that everybody writes into. */
  readonly held: Y.Doc
}

export interface LabWorld {
  readonly devices: readonly Device[]
  readonly relays: readonly Relay[]
  /** Whether what is shown is as it is now. */
  isThere(): boolean
  /** Whether anything passes between these two. */
  isCut(a: string, b: string): boolean
  isSlow(a: string, b: string): boolean
  cut(a: string, b: string, cut: boolean): void
  slow(a: string, b: string, slow: boolean): void
  close(): void
}

/** Bytes went from one to another. */
export type Passed = (from: string, to: string, bytes: number) => void
