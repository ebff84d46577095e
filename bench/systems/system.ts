/** A server and its clients, as the scenarios see them: the same work for Rejoin and for its peer. */
import type * as Y from 'yjs'
import type { Traffic } from './traffic.ts'

export interface System {
  readonly name: string
  /** Milliseconds. */
  now(): number
  /** Somebody new with a document open, on a device of their own; they are offline until `connect`. */
  join(name: string, document?: string): Promise<Person>
  /** Lets `ms` pass, or at least a turn of the event loop. */
  pause(ms: number): Promise<void>
  /** Waits until nobody sends or receives any more. */
  quiet(): Promise<void>
  /** Waits until `condition` holds; throws with `what` where it does not come to be. */
  until(what: string, condition: () => boolean): Promise<void>
  close(): Promise<void>
}

export interface Person {
  readonly name: string
  readonly doc: Y.Doc
  readonly text: Y.Text
  readonly traffic: Traffic
  connect(): void
  disconnect(): void
  /** As far as this client can tell, it has what the server had when they met. */
  isSynced(): boolean
  /** Resolves when the server says that it has what was typed before the call: at Rejoin, that it has stored it. */
  delivered(): Promise<void>
  leave(): Promise<void>
}

/** A system whose server is a process of its own. */
export interface ServedSystem extends System {
  readonly server: ServerProcess
  /** What lies in its store, while the server is stopped; where somebody knows. */
  readonly store?: StoppedStore
}

export interface StoppedStore {
  /** Bytes of updates in the log. */
  logBytes(): number
  /** How many bytes more than a store with nothing in it a copy takes that was made as small as it can be. */
  compactedBytes(): number
}

export interface ServerProcess {
  readonly port: number
  /** Where it keeps what it stores, if it does. */
  readonly data: string | undefined
  start(): Promise<void>
  /** As the system ends a process: `SIGTERM`. */
  stop(): Promise<void>
  /** `SIGKILL`. */
  kill(): Promise<void>
  /** CPU time since it was started, milliseconds; `undefined` where the system does not tell. */
  cpuMs(): number | undefined
  /** Bytes that it had written to disks since it was started; `undefined` where the system does not tell. */
  writtenBytes(): number | undefined
  /** Bytes of the files in `data`. */
  storedBytes(): number
}
