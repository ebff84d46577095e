/**
 * The one way in which relays reach each other: a request and its answer, as bytes. HTTP between Node relays and RPC between
 * Durable Objects carry the same bytes; so does a link of the simulator. Whoever carries them knows nothing of what is in them.
 */
import type { RejoinError } from '../../shared/errors.ts'

/**
 * Hands a request to another relay and resolves to its answer, within a deadline of its own. Rejects with a `RejoinError`
 * where there is none: `timeout` (unreachable, silent), `forbidden`, `overloaded`, `stopping`, `too-big`, ...
 */
export type Exchange = (request: Uint8Array) => Promise<Uint8Array>

/** Another relay that holds the same workspace. */
export interface Peer {
  /** Its name among the peers of this one: an address, a region. */
  readonly name: string
  /** Whether it is worth asking now: a breaker may say no for a while. */
  readonly reachable: boolean
  /** Whether what failed may be tried again soon, or is to wait until the peer is known to be there; soon where it is absent. */
  mayRetry?(): boolean
  exchange: Exchange
}

/** What is told of what goes wrong with a peer, and is nobody else's to be told. */
export type PeerTrouble = (peer: string, error: RejoinError) => void
