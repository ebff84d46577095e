/**
 * Who connects from where, as far as that is a bound: a few addresses may not take all connections, nor all of the relay's time. Loopback
 * is the machine itself, or a proxy on it, and stands for many: of those each connection has its own bounds, and no others.
 */
import type { IncomingMessage } from 'node:http'
import { isLoopbackName } from '../access.ts'
import { type Bucket, createBucket } from '../relay/bucket.ts'
import type { Visitor } from '../relay/connection.ts'
import type { RelayLimits } from '../relay/limits.ts'

export interface Addresses {
  /** The address of who sends a request, as far as one is somebody's. */
  of(request: IncomingMessage): string
  /** Whether there may be one more connection from there. */
  hasRoom(address: string): boolean
  /** A connection has come; `leave` of what is returned says that it has gone. */
  enter(address: string): Visitor
  /** A request of plain HTTP came from there; milliseconds until one is answered, 0: it is. */
  ask(address: string): number
  /** Time has passed: forgets addresses that owe nothing. */
  tick(): void
}

interface Place {
  connections: number
  messages: Bucket
  bytes: Bucket
}

/** What all connections of an address may do together, as many times what one may. */
const CONNECTIONS_AT_FULL_SPEED = 20
/** Addresses that are known at a time, of those without connections: some 300 bytes each. */
const PLACES_MAX = 100_000

/** `trustProxy`: the last name in X-Forwarded-For is the address, as the proxy in front says it. */
export function createAddresses(limits: RelayLimits, trustProxy: boolean, now: () => number): Addresses {
  const places = new Map<string, Place>()
  const { messagesPerSecondMax: messages, bytesPerSecondMax: bytes, burstMs } = limits
  const bucketOf = (perSecond: number): Bucket => createBucket(perSecond, (perSecond * burstMs) / 1000)

  /** `undefined` where it stands for many. */
  function placeOf(address: string): Place | undefined {
    if (address === '' || isLoopbackName(address)) return undefined
    const known = places.get(address)
    if (known !== undefined) return known
    if (places.size >= PLACES_MAX) forget(() => true)
    const place: Place = {
      connections: 0,
      messages: bucketOf(messages * CONNECTIONS_AT_FULL_SPEED),
      bytes: bucketOf(bytes * CONNECTIONS_AT_FULL_SPEED),
    }
    places.set(address, place)
    return place
  }

  function forget(isOver: (place: Place) => boolean): void {
    for (const [address, place] of places) if (place.connections === 0 && isOver(place)) places.delete(address)
  }

  return {
    of({ headers, socket }) {
      const forwarded = trustProxy ? headers['x-forwarded-for'] : undefined
      const last = (Array.isArray(forwarded) ? forwarded.join() : forwarded)?.split(',').at(-1)?.trim()
      return networkOf(last || (socket.remoteAddress ?? ''))
    },
    hasRoom: (address) => (placeOf(address)?.connections ?? 0) < limits.connectionsPerAddressMax,
    enter(address) {
      const place = placeOf(address)
      if (place !== undefined) place.connections++
      const own = { messages: bucketOf(messages), bytes: bucketOf(bytes) }
      const all = place === undefined ? [own] : [own, place]
      let left = false
      return {
        address,
        spend(count, size) {
          const at = now()
          let waitMs = 0
          for (const each of all) waitMs = Math.max(waitMs, each.messages.take(count, at), each.bytes.take(size, at))
          return waitMs
        },
        leave() {
          if (!left && place !== undefined) place.connections--
          left = true
        },
      }
    },
    ask: (address) => placeOf(address)?.messages.take(1, now()) ?? 0,
    tick: () => forget((place) => place.messages.isFull(now()) && place.bytes.isFull(now())),
  }
}

/** Of IPv6 the first 64 bits, as one customer has all that follow; of IPv4 written as IPv6 what it is. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!plain.includes(':') || isLoopbackName(plain)) return plain
  const [head = '', tail = ''] = plain.toLowerCase().split('::')
  const first = head.split(':').filter(Boolean)
  const last = tail.split(':').filter(Boolean)
  const zeros = plain.includes('::') ? Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0') : []
  const groups = [...first, ...zeros, ...last].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
