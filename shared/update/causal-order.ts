/**
 * The structs of one update, of all its clients, in an order in which each comes after those that it rests on: depth first,
 * a client at a time, as Yjs' `integrateStructs` goes, in linear time and with memory for the clients only.
 */
import { type Cursor, readVarUint } from './cursor.ts'
import { STEP_BYTES, STEP_STRUCTS, type Steps } from './steps.ts'
import { createHead, KIND_BITS, NONE, readStruct, SKIP, type StructHead } from './struct.ts'
import { NO_LIMITS, startWalk, type UpdateVisitor, walkOn } from './walk.ts'

/** The structs of one client, read one at a time. */
export interface Source {
  readonly client: number
  readonly cursor: Cursor
  readonly head: StructHead
  structsLeft: number
  /** Whether `head` holds the next struct, which starts at `from` and ends at the cursor. */
  isRead: boolean
  from: number
  clock: number
  /** Whether another struct waits for the structs of this client up to the clock `until`. */
  isAwaited: boolean
  until: number
}

interface Opening {
  readonly cursor: Cursor
  readonly sources: Map<number, Source>
  client: number
  /** Where the last struct ended: the next client or the delete set follows. */
  end: number
}

/**
 * Checks a whole update and finds where the structs of each client start, and where the delete set does (`end`), in steps.
 * Raises `invalid-update`; only its bytes bound it.
 */
export function* openSources(bytes: Uint8Array): Steps<Opening> {
  const cursor: Cursor = { bytes, at: 0 }
  readVarUint(cursor)
  const opening: Opening = { cursor, sources: new Map(), client: NONE, end: cursor.at }
  const walk = startWalk(bytes, NO_LIMITS)
  while (!walkOn(walk, openSource, opening, STEP_STRUCTS, STEP_BYTES)) yield
  return opening
}

const openSource: UpdateVisitor<Opening> = {
  struct(opening, client, _clock, _head, end) {
    if (client !== opening.client) {
      opening.client = client
      opening.cursor.at = opening.end
      opening.sources.set(client, readSource(opening.cursor))
    }
    opening.end = end
  },
  deletion() {},
}

function readSource(cursor: Cursor): Source {
  const structsLeft = readVarUint(cursor)
  const client = readVarUint(cursor)
  const clock = readVarUint(cursor)
  const own: Cursor = { bytes: cursor.bytes, at: cursor.at }
  return {
    client,
    cursor: own,
    head: createHead(),
    structsLeft,
    isRead: false,
    from: 0,
    clock,
    isAwaited: false,
    until: 0,
  }
}

/**
 * Yields the source of each struct when its turn has come: its clock, head and bytes are to be read before the next is taken.
 * Gaps are left out. What the update does not hold is taken for known. A source is on the stack once at most.
 */
export function* causalOrder(sources: ReadonlyMap<number, Source>): Generator<Source> {
  for (const root of sources.values()) {
    root.until = Number.POSITIVE_INFINITY
    const stack = [root]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (!readNext(top) || top.clock > top.until) {
        top.isAwaited = false
        stack.pop()
        continue
      }
      top.isAwaited = true
      const first = firstDependency(top, sources)
      if (first !== undefined) stack.push(first)
      else {
        yield top
        top.clock += top.head.length
        top.isRead = false
      }
    }
  }
}

/** Reads on to the next struct that is no gap; whether there is one. */
function readNext(source: Source): boolean {
  while (!source.isRead && source.structsLeft > 0) {
    source.from = source.cursor.at
    source.structsLeft--
    readStruct(source.cursor, source.head)
    if ((source.head.info & KIND_BITS) === SKIP) source.clock += source.head.length
    else source.isRead = true
  }
  return source.isRead
}

/** A source whose structs must come before the next one of `source`, with `until` set. */
function firstDependency({ head }: Source, sources: ReadonlyMap<number, Source>): Source | undefined {
  return (
    awaited(sources, head.originClient, head.originClock) ??
    awaited(sources, head.rightClient, head.rightClock) ??
    awaited(sources, head.parentClient, head.parentClock)
  )
}

/** Who is on the stack is not awaited again: its own client, and structs that rest on one another, which only a forger writes. */
function awaited(sources: ReadonlyMap<number, Source>, client: number, clock: number): Source | undefined {
  if (client === NONE) return undefined
  const source = sources.get(client)
  if (source === undefined || source.isAwaited || !readNext(source) || source.clock > clock) return undefined
  source.until = clock
  return source
}
