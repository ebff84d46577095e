/** What the peer of a connection asks for by version vectors: so many answers are owed it at a time, for so many heads (P7). */
import { covers, headOf, type VersionVector } from '../../shared/causality/version-vector.ts'
import { RejoinError } from '../../shared/errors.ts'
import { inspectStateVector } from '../../shared/update/state-vector.ts'
import type { Vector } from '../../shared/wire/messages.ts'
import type { Subscriber } from './commits.ts'
import { answer, type Feed } from './feeds.ts'
import { ANSWERS_OWED_MAX, HEADS_HELD_MAX } from './limits.ts'
import type { Outlet } from './outlet.ts'
import type { Replicas } from './replicas.ts'
import type { RelayWorkspace } from './workspace.ts'

export interface AnswersOptions {
  workspace: RelayWorkspace
  replicas: Replicas
  /** Who asks. */
  subscriber: Subscriber
  outlet: Pick<Outlet, 'owe'>
  /** Who may only read changes nothing by what it says that it holds. */
  mayWrite(): boolean
}

export interface Answers {
  /** Owes what a vector lacks of its document. Raises `overloaded`, `invalid-update`, `storage-full` and `storage-failed`. */
  serve(asked: Vector): void
}

export function createAnswers({ workspace, replicas, subscriber, outlet, mayWrite }: AnswersOptions): Answers {
  /** Answers that are owed, and the heads that they are held against. */
  let answers = 0
  let headsHeld = 0

  /** What is held of the document in the epoch that is asked of; a greater one is taken over, and forks are told. */
  function look(asked: Vector): VersionVector {
    const stored = workspace.document(asked.document)
    const writes = mayWrite()
    if (writes && stored !== undefined && stored.epoch < asked.epoch) workspace.bury(subscriber, asked)
    if (writes && (stored === undefined || stored.epoch === asked.epoch)) workspace.seen(asked, asked.vector)
    const mine: VersionVector = stored?.epoch === asked.epoch ? stored.vector : new Map()
    // Also behind the head: records that are sent joined do not show what they follow (P8).
    for (const { origin, seq } of mine.size > 0 ? workspace.forks(asked, asked.vector) : []) {
      const detail = `two contents under ${origin}, at or before ${seq}`
      const held = headOf(mine, origin).seq
      subscriber.refused({ where: asked, origin, seq, request: 0, code: 'fork', held, detail })
    }
    if (!covers(mine, asked.vector)) replicas.wanted(asked)
    return mine
  }

  function* owed(asked: Vector): Feed {
    try {
      yield* answer(workspace, asked, 'told')
    } finally {
      answers--
      headsHeld -= asked.vector.size
    }
  }

  return {
    serve(asked) {
      const { stateVector } = asked
      const readable = stateVector && isReadable(stateVector) ? stateVector : undefined
      const vector = knownOf(asked.vector, look(asked))
      if (answers >= ANSWERS_OWED_MAX || headsHeld + vector.size > HEADS_HELD_MAX) {
        throw new RejoinError('overloaded', `${answers} answers are owed, for ${headsHeld} heads`)
      }
      answers++
      headsHeld += vector.size
      outlet.owe(owed({ ...asked, stateVector: readable, vector }))
    },
  }
}

/** A state vector that is larger than is worth reading counts as none. Raises `invalid-update` for bytes that are none. */
function isReadable(stateVector: Uint8Array): boolean {
  try {
    inspectStateVector(stateVector)
    return true
  } catch (error) {
    if (error instanceof RejoinError && error.code === 'too-big') return false
    throw error
  }
}

/** The heads of origins that are known here, and of the others one: that there are such is all that they say. */
function knownOf(theirs: VersionVector, mine: VersionVector): VersionVector {
  const known = [...theirs].filter(([origin]) => mine.has(origin))
  const other = [...theirs].find(([origin]) => !mine.has(origin))
  return new Map(other === undefined ? known : [other, ...known])
}
