/**
 * Who connects from where, as far as that is a bound: a few addresses may not take all connections, nor all of the relay's time. Loopback
 * is the machine itself, or a proxy on it, and stands for many.
 */
import type { IncomingMessage } from 'node:http'
import { isLoopbackName } from '../access.ts'
import type { RelayLimits } from '../relay/limits.ts'
import { type Bucket, createBucket } from './bucket.ts'

export interface Addresses {
  /** The address of who sends a request. */
  of(request: IncomingMessage): string
  /** Whether there may be one more connection from there. */
  hasRoom(address: string): boolean
  /** A connection has come; call what is returned when it has gone. */
  enter(address: string): Visitor
}

export interface Visitor {
  /** So many messages with so many bytes came from there; milliseconds for which nothing more is to be read. */
  spend(messages: number, bytes: number): number
  leave(): void
}

interface Place {
  connections: number
  messages: Bucket
  bytes: Bucket
}

/** What all connections of an address may do together, as many times what one may. */
const CONNECTIONS_AT_FULL_SPEED = 20

/** `trustProxy`: the last name in X-Forwarded-For is the address, as the proxy in front says it. */
export function createAddresses(limits: RelayLimits, trustProxy: boolean, now: () => number): Addresses {
  const places = new Map<string, Place>()
  const { messagesPerSecondMax: messages, bytesPerSecondMax: bytes, burstMs } = limits
  const bucketOf = (perSecond: number): Bucket => createBucket(perSecond, (perSecond * burstMs) / 1000)

  return {
    of({ headers, socket }) {
      const forwarded = trustProxy ? headers['x-forwarded-for'] : undefined
      const last = (Array.isArray(forwarded) ? forwarded.join() : forwarded)?.split(',').at(-1)?.trim()
      return last || (socket.remoteAddress ?? '')
    },
    hasRoom: (address) =>
      isLoopbackName(address) || (places.get(address)?.connections ?? 0) < limits.connectionsPerAddressMax,
    enter(address) {
      const known = places.get(address)
      const place: Place = known ?? {
        connections: 0,
        messages: bucketOf(messages * CONNECTIONS_AT_FULL_SPEED),
        bytes: bucketOf(bytes * CONNECTIONS_AT_FULL_SPEED),
      }
      places.set(address, place)
      place.connections++
      const own = { messages: bucketOf(messages), bytes: bucketOf(bytes) }
      const all = isLoopbackName(address) ? [own] : [own, place]
      let left = false
      return {
        spend(count, size) {
          const at = now()
          let waitMs = 0
          for (const each of all) waitMs = Math.max(waitMs, each.messages.take(count, at), each.bytes.take(size, at))
          return waitMs
        },
        leave() {
          if (left) return
          left = true
          if (--place.connections === 0) places.delete(address)
        },
      }
    },
  }
}
