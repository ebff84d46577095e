/** The ways between devices and relays: connections that are carried from one name to another, to be counted, cut and slowed. */
import { connect as dial, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'

export interface Links {
  /** Carries what `from` says on a connection of its own to a port where `to` listens, and what is answered. */
  carry(from: string, to: string, socket: Socket, port: number, first?: Uint8Array): void
  is(what: Fault, a: string, b: string): boolean
  set(what: Fault, a: string, b: string, on: boolean): void
  /** Connections that are open between the two. */
  open(a: string, b: string): number
}

/** A way that is cut ends what is open on it and lets nothing through; on one that is slow, whatever passes waits. */
export type Fault = 'cut' | 'slow'

/** One way, for what comes at once. */
const SLOW_MS = 900

export function createLinks(passed: (from: string, to: string, bytes: number) => void): Links {
  const faults: Record<Fault, Set<string>> = { cut: new Set(), slow: new Set() }
  const carried = new Map<string, Set<() => void>>()

  async function pump(from: string, to: string, source: Socket, sink: Socket): Promise<void> {
    const slow = faults.slow
    await pipeline(
      source,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          passed(from, to, chunk.length)
          if (slow.has(keyOf(from, to))) await wait(SLOW_MS)
          yield chunk
        }
      },
      sink,
    )
  }

  return {
    carry(from, to, socket, port, first) {
      const key = keyOf(from, to)
      if (faults.cut.has(key)) return void socket.destroy()
      const other = dial(port, '127.0.0.1')
      const end = (): void => {
        socket.destroy()
        other.destroy()
        ends.delete(end)
      }
      const ends = carried.get(key) ?? new Set()
      carried.set(key, ends.add(end))
      if (first !== undefined) {
        passed(from, to, first.length)
        other.write(first)
      }
      for (const each of [socket, other]) each.on('error', end).on('close', end)
      // A way that breaks ends both of its ends; nobody is to be told.
      pump(from, to, socket, other).catch(end)
      pump(to, from, other, socket).catch(end)
    },
    is: (what, a, b) => faults[what].has(keyOf(a, b)),
    set(what, a, b, on) {
      const key = keyOf(a, b)
      if (on) faults[what].add(key)
      else faults[what].delete(key)
      if (on && what === 'cut') for (const end of [...(carried.get(key) ?? [])]) end()
    },
    open: (a, b) => carried.get(keyOf(a, b))?.size ?? 0,
  }
}

const keyOf = (a: string, b: string): string => [a, b].sort().join(' ')
