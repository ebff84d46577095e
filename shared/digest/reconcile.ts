/**
 * Which documents differ: the session of two replicas over one frozen scope, as a state machine. Messages in, messages and
 * in the end a result out; no clock, no connection, chance from the caller. Both sides run the same code; the responder
 * speaks first and names the key.
 *
 *   hello ->                      root, first cells and counters of the responder
 *   <- equal                      or the cells decode: <- names, found     or one of
 *   <- more, cells ->             until they decode: <- names, found
 *   <- bloom, names + bloom ->    <- names + cells of what both filters hide; until they decode: names, found ->
 *   <- list                       names, missing ->
 *   agreed                        by whoever receives found or missing, with the names that the other cannot know
 *
 * Promises: both sides end with the same names, and what is left of both has one root (128 bits), or there is no result. So
 * no difference is missing; a name too many, after bytes were damaged, costs a version vector.
 * A side that cannot decode within four round trips, or finds the roots unequal, sends its whole list under a new key:
 * nobody can have prepared for that one. A message that is lost, doubled or out of turn raises `protocol` or is waited
 * for in vain; the clock that ends the waiting is the caller's.
 */
import { assert, RejoinError } from '../errors.ts'
import type { HashKey } from '../hash.ts'
import { type BloomFilter, bloomEntries, bloomHides } from './bloom.ts'
import { CELLS_MAX, ELEMENTS_MAX, HELLO_CELLS, HELLO_COUNTERS, ROUND_TRIPS_MAX } from './bounds.ts'
import { createCells, decodeCells, joinCells, sliceCells, subtractCells } from './cells.ts'
import { getWord, type Root, rootsEqual, type Tag, tagDocument, xorTags } from './element.ts'
import { compareList, listOf, listOrder } from './list.ts'
import type { DigestMessage, Found, FullList, Hello, Missing, More, MoreCells, Names } from './messages.ts'
import * as plan from './plan.ts'
import type { DigestStep, InitiatorOptions, Reconciler, ReconcilerOptions, ResponderOptions } from './reconciler.ts'
import { createSide, type Heard, type Side } from './side.ts'
import { estimateDifference, foldSketch } from './sketch.ts'
import type { DigestSummary } from './summary.ts'

/** The side that says hello: a relay to its client, either of two relays. */
export const createResponder = (options: ResponderOptions): Reconciler => createReconciler(options, options.summary)

/** The side that connects. */
export const createInitiator = (options: InitiatorOptions): Reconciler => createReconciler(options)

type Type = DigestMessage['type']

/** Messages that names may precede. */
const NAMED: ReadonlySet<Type> = new Set<Type>(['cells', 'bloom', 'found', 'missing', 'agreed'])

/** Chance pairs two documents once in 2^28; `sum` mends one such pair, and below this more than one is unlikely. */
const PAIRS_MAX = 2 ** 25

function createReconciler(options: ReconcilerOptions & InitiatorOptions, given?: DigestSummary): Reconciler {
  const responder = given !== undefined
  let known = given === undefined ? undefined : createSide(options.elements, given)
  /** What may come next besides names; empty before the start and when the session is over. */
  let expected: readonly Type[] = responder ? [] : ['hello']
  let turnsSent = 0
  let turnsReceived = 0
  let theirCells = createCells(0)
  let cellsSent = 0
  let myFilter: BloomFilter | undefined
  let myOrder: Uint32Array | undefined

  function side(): Side {
    assert(known !== undefined, 'a digest session goes on without a key')
    return known
  }

  function start(): DigestMessage[] {
    if (given === undefined) return []
    assert(turnsSent === 0, 'a digest session starts twice')
    if (given.count > ELEMENTS_MAX)
      throw new RejoinError('too-big', `more than ${ELEMENTS_MAX} documents in one digest`)
    cellsSent = HELLO_CELLS
    return turn(['equal', 'more', 'bloom', 'found', 'list'], {
      type: 'hello',
      key: given.key,
      root: given.root.slice(),
      count: given.count,
      sketch: foldSketch(given.sketch, HELLO_COUNTERS),
      cells: sliceCells(given.cells, 0, HELLO_CELLS),
    }).send
  }

  function receive(message: DigestMessage): DigestStep {
    const allowed = expected
    // Until it is answered nothing else may come; after an error nothing at all.
    expected = []
    if (message.type === 'names' ? !allowed.some((type) => NAMED.has(type)) : !allowed.includes(message.type)) {
      throw new RejoinError('protocol', `the digest message ${message.type} came out of turn`)
    }
    if (message.type === 'names') {
      side().hear(message.ids)
      expected = allowed
      return { send: [] }
    }
    if (message.type !== 'agreed') turnsReceived++
    // One more than the round trips, for the answer to the list. It bounds the work that a peer can ask for.
    if (turnsReceived > ROUND_TRIPS_MAX + 1) throw new RejoinError('protocol', 'a digest session goes on for too long')
    return handle(message)
  }

  function handle(message: Exclude<DigestMessage, Names>): DigestStep {
    if (message.type === 'hello') return onHello(message)
    const heard = side().heard()
    const named = 'named' in message ? message.named : 0
    if (named !== heard.count) throw new RejoinError('protocol', `${heard.count} of ${named} names came`)
    switch (message.type) {
      case 'equal':
      case 'agreed':
        return done([])
      case 'more':
        return onMore(message)
      case 'cells':
        return onCells(message)
      case 'bloom':
        return myFilter === undefined ? onFirstFilter(message.filter) : onSecondFilter(message.filter, myFilter, heard)
      case 'found':
        return onFound(message, heard)
      case 'list':
        return onList(message)
      case 'missing':
        return onMissing(message)
    }
  }

  function onHello(hello: Hello): DigestStep {
    known = createSide(options.elements, options.summaryFor?.(hello.key) ?? hello.key)
    if (rootsEqual(known.summary.root, hello.root)) return done(turn([], { type: 'equal' }).send)
    theirCells = hello.cells
    if (hello.count === 0)
      return found(
        Array.from({ length: known.left().table.count }, (_, i) => i),
        [],
      )
    return decode() ?? chooseWay(known.summary, hello)
  }

  function chooseWay(mine: DigestSummary, hello: Hello): DigestStep {
    const apart = Math.abs(mine.count - hello.count)
    const difference = Math.max(apart, estimateDifference(mine.sketch, hello.sketch))
    switch (plan.chooseWay(mine.count, hello.count, difference)) {
      case 'list':
        return sendList()
      case 'bloom':
        return sendFilter(plan.exposedTo(difference, hello.count, mine.count), plan.OTHER_HIDES)
      case 'cells': {
        const { count, counters } = plan.firstAsk(difference)
        const sketch = counters === 0 ? new Int32Array(0) : foldSketch(mine.sketch, counters)
        return turn(['cells'], { type: 'more', from: theirCells.low.length, count, sketch })
      }
    }
  }

  function onMore(more: More): DigestStep {
    if (more.from !== cellsSent) throw new RejoinError('protocol', `${more.from} of ${cellsSent} cells came`)
    const wanted = more.count > 0 ? more.count : cellsWanted(more)
    return sendCells(more.from, Math.min(CELLS_MAX, more.from + wanted), [], 0)
  }

  /** The side that asks leaves the number to the one that has all its counters. */
  function cellsWanted(more: More): number {
    if (more.sketch.length === 0) throw new RejoinError('protocol', 'neither a number of cells nor counters')
    const deviation = Math.sqrt(2 / more.sketch.length)
    return Math.max(8, plan.cellsFor(estimateDifference(side().summary.sketch, more.sketch), deviation) - more.from)
  }

  function sendCells(from: number, to: number, names: Names[], named: number): DigestStep {
    cellsSent = to
    const cells = sliceCells(side().cells(to), from, to)
    return turn(['more', 'found', 'list'], ...names, { type: 'cells', named, from, cells })
  }

  function onCells(message: MoreCells): DigestStep {
    if (message.from !== theirCells.low.length) throw new RejoinError('protocol', 'cells do not follow those before')
    theirCells = joinCells(theirCells, message.cells)
    return decode() ?? askAgain()
  }

  function askAgain(): DigestStep {
    const held = theirCells.low.length
    const wanted = plan.cellsAfterFailure(held)
    // The answer must come, and be answered, within the last round trip.
    const inTime = turnsSent + (responder ? 1 : 2) <= ROUND_TRIPS_MAX
    if (!inTime || wanted > plan.cellsWorth(side().left().count)) return sendList()
    return turn(['cells'], { type: 'more', from: held, count: wanted - held, sketch: new Int32Array(0) })
  }

  function decode(): DigestStep | undefined {
    const tags = decodeCells(subtractCells(side().cells(theirCells.low.length), theirCells))
    if (tags === undefined) return undefined
    const rest = side().left()
    const mine: number[] = []
    const theirs: Tag[] = []
    for (const tag of tags) {
      const [position] = rest.findTag(tag)
      if (position === undefined) theirs.push(tag)
      else mine.push(position)
    }
    return found(mine, theirs)
  }

  /** Names what is mine; of what is theirs, tells what they cannot conclude from the names. */
  function found(mine: readonly number[], theirs: readonly Tag[]): DigestStep {
    const rest = side().left()
    const documents = new Set(mine.map((position) => tagDocument(rest.tagOf(position))))
    const pairable = mine.length * theirs.length < PAIRS_MAX
    const tags = pairable ? theirs.filter((tag) => !documents.has(tagDocument(tag))) : theirs
    const sum = theirs.reduce(xorTags, 0)
    const { send, named } = side().tell(mine)
    return turn(['agreed', 'list'], ...send, { type: 'found', named, root: rest.root.slice(), tags, sum })
  }

  function onFound(message: Found, heard: Heard): DigestStep {
    const rest = side().left()
    const mine: number[] = []
    let unexplained = xorTags(message.sum, heard.sum)
    const take = (tag: Tag) => {
      const [position] = rest.findTag(tag)
      if (position === undefined) return
      rest.exclude(position)
      mine.push(position)
      unexplained = xorTags(unexplained, tag)
    }
    for (const tag of message.tags) take(tag)
    if (unexplained !== 0) take(unexplained)
    return agree(mine, message.root) ?? sendList()
  }

  function sendFilter(exposed: number, otherHides: number, mine: readonly number[] = []): DigestStep {
    const { send, named } = side().tell(mine)
    const rest = side().left()
    myFilter = rest.bloom(plan.bitsPerEntry(rest.count, exposed, otherHides), randomKey())
    return turn(responder ? ['cells'] : ['bloom'], ...send, { type: 'bloom', named, filter: myFilter })
  }

  function onFirstFilter(filter: BloomFilter): DigestStep {
    const rest = side().left()
    const mine = rest.notIn(filter)
    const hides = bloomHides(filter)
    const exposed = bloomEntries(filter) - rest.count + mine.length / (1 - hides)
    return sendFilter(Math.max(0, exposed), hides, mine)
  }

  function onSecondFilter(filter: BloomFilter, first: BloomFilter, heard: Heard): DigestStep {
    const mine = side().left().notIn(filter)
    const hidden = plan.hiddenByFilters({
      firstHides: bloomHides(first),
      secondHides: bloomHides(filter),
      changed: heard.held,
      theirsOnly: heard.count - heard.held,
      second: mine.length,
    })
    const { send, named } = side().tell(mine)
    const count = plan.cellsFor(hidden, plan.residueDeviation(hidden))
    return sendCells(0, Math.min(CELLS_MAX, count), send, named)
  }

  function sendList(): DigestStep {
    const { table } = side().startOver(randomKey())
    myOrder = listOrder(table)
    return turn(['missing'], { type: 'list', key: table.key, list: listOf(table, myOrder) })
  }

  function onList(message: FullList): DigestStep {
    const rest = side().startOver(message.key)
    const { here, there } = compareList(rest.table, listOrder(rest.table), message.list)
    const { send, named } = side().tell(here)
    return turn(['agreed'], ...send, { type: 'missing', named, root: rest.root.slice(), places: there })
  }

  function onMissing(message: Missing): DigestStep {
    const rest = side().left()
    const mine: number[] = []
    for (const place of message.places) {
      const position = myOrder?.[place]
      if (position === undefined) throw new RejoinError('protocol', 'a place beyond the list')
      // The names that came before may have taken it away.
      if (rest.exclude(position) !== undefined) mine.push(position)
    }
    const step = agree(mine, message.root)
    if (step === undefined) throw new RejoinError('protocol', 'the lists were compared and the roots still differ')
    return step
  }

  /** Ends the session if what is left here is what is left there; names `mine`, which they could not. */
  function agree(mine: readonly number[], root: Root): DigestStep | undefined {
    if (!rootsEqual(side().left().root, root)) return undefined
    const { send, named } = side().name(mine)
    return done([...send, { type: 'agreed', named }])
  }

  function randomKey(): HashKey {
    const bytes = options.randomBytes(16)
    return [getWord(bytes, 0), getWord(bytes, 4), getWord(bytes, 8), getWord(bytes, 12)]
  }

  function turn(next: readonly Type[], ...send: DigestMessage[]): DigestStep {
    expected = next
    turnsSent++
    return { send }
  }

  function done(send: DigestMessage[]): DigestStep {
    expected = []
    const { differing, summaryWrong } = side()
    return { send, result: { differing, roundTrips: responder ? turnsReceived : turnsSent, summaryWrong } }
  }

  function needsElements(message: DigestMessage): boolean {
    if (message.type === 'list') return true
    if (message.type === 'equal' || known?.built === true) return false
    if (message.type !== 'hello') return true
    const kept = options.summaryFor?.(message.key)
    return kept === undefined || !rootsEqual(kept.root, message.root)
  }

  return { start, receive, needsElements }
}
