/**
 * What waits its turn in a conversation: what the session asks for and other work, one after the other, so that storing keeps
 * the order of the wire. What has come of a document before it is compared anew does not count: it may answer what is not so
 * any more, and the new answer holds it too.
 */
import type { DocumentId } from '../../shared/ids.ts'
import type { Action } from '../../shared/sync/action.ts'
import { isTaken, type TakenAction } from './receiving.ts'

export type Turn = Action | (() => Promise<void>)

export interface Turns {
  readonly length: number
  push(turn: Turn): void
  next(): Turn | undefined
  /** What is next, as far as it shares a transaction with what came before. */
  takeMore(): TakenAction[]
  /** Whether the end of an answer about this document waits here. */
  answers(document: DocumentId): boolean
  /** Something did not fit: no place that waits here stands for everything before it. The session settles anew. */
  unsettle(): void
  /** These documents are compared anew. */
  outdate(documents: ReadonlySet<DocumentId>): void
  clear(): void
}

/** Incoming messages that share a transaction. */
const TAKEN_TOGETHER_MAX = 512

export function createTurns(): Turns {
  let queue: Turn[] = []

  function unsettle(): void {
    queue = queue.filter((turn) => typeof turn === 'function' || turn.do !== 'settled').map(withoutPlace)
  }

  return {
    get length() {
      return queue.length
    },
    push: (turn) => void queue.push(turn),
    next: () => queue.shift(),
    takeMore() {
      let count = 0
      const more: TakenAction[] = []
      for (const turn of queue) {
        if (typeof turn === 'function' || !isTaken(turn) || count === TAKEN_TOGETHER_MAX) break
        more.push(turn)
        count++
      }
      queue.splice(0, count)
      return more
    },
    answers: (document) =>
      queue.some((turn) => typeof turn !== 'function' && turn.do === 'serve' && turn.vector.document === document),
    unsettle,
    outdate(documents) {
      queue = queue.filter((turn) => !documents.has(contentOf(turn) ?? ''))
      unsettle()
    },
    clear() {
      queue = []
    },
  }
}

function withoutPlace(turn: Turn): Turn {
  return typeof turn !== 'function' && isTaken(turn) && turn.place !== undefined ? { ...turn, place: undefined } : turn
}

/** The document of which something was sent, or which is said to be fetched. */
function contentOf(turn: Turn): DocumentId | undefined {
  if (typeof turn === 'function') return undefined
  switch (turn.do) {
    case 'store':
      return turn.entries.document
    case 'piece':
      return turn.piece.document
    case 'fetched':
      return turn.document
    default:
      return undefined
  }
}
