/**
 * The questions of one connection that wait to hear of other relays. So many of them are asked at a time, the others in their turn:
 * the places for them are everybody's (P9), and a question too many is no reason to cut whoever asked it.
 */
import { RejoinError } from '../../shared/errors.ts'
import type { Confirm } from '../../shared/wire/messages.ts'
import { HEADS_HELD_MAX, OPEN_DOCUMENTS_MAX } from './limits.ts'
import type { Replicas } from './replicas.ts'

export interface Questions {
  /** One question of a document and number of relays at a time: who asks again means more. Raises `overloaded`. */
  ask(question: Confirm): void
  /** Asks what found no place. */
  goOn(): void
  readonly size: number
  /** Takes all of them back. */
  clear(): void
}

interface Waiting {
  question: Confirm
  /** Absent until it is asked. */
  takeBack?: () => void
}

/** Of one connection, out of the ten thousand of a workspace. */
const ASKED_AT_A_TIME = 64

export function createQuestions(replicas: Replicas, answered: (question: Confirm) => void): Questions {
  const waiting = new Map<string, Waiting>()
  let asked = 0
  let heads = 0
  let going = false

  function goOn(): void {
    // One that is answered at once makes room for the next in the same loop.
    if (going) return
    going = true
    try {
      for (const [key, each] of waiting) {
        if (asked >= ASKED_AT_A_TIME) return
        if (each.takeBack === undefined && !begin(key, each)) return
      }
    } finally {
      going = false
    }
  }

  /** False where there is no place for it now. */
  function begin(key: string, each: Waiting): boolean {
    const { question } = each
    asked++
    each.takeBack = () => {}
    try {
      const takeBack = replicas.confirm(question, question.vector, question.relays, () => {
        if (waiting.get(key) !== each) return
        remove(key, each)
        answered(question)
        goOn()
      })
      each.takeBack = takeBack
      return true
    } catch (error) {
      if (!(error instanceof RejoinError && error.code === 'overloaded')) throw error
      asked--
      each.takeBack = undefined
      return false
    }
  }

  function remove(key: string, { question, takeBack }: Waiting): void {
    waiting.delete(key)
    heads -= question.vector.size
    if (takeBack === undefined) return
    asked--
    takeBack()
  }

  return {
    ask(question) {
      const key = `${question.relays} ${question.document}`
      const before = waiting.get(key)
      if (before !== undefined) remove(key, before)
      if (waiting.size >= OPEN_DOCUMENTS_MAX || heads + question.vector.size > HEADS_HELD_MAX) {
        throw new RejoinError('overloaded', `${waiting.size} questions with ${heads} heads wait`)
      }
      waiting.set(key, { question })
      heads += question.vector.size
      goOn()
    },
    goOn,
    get size() {
      return waiting.size
    },
    clear() {
      for (const { takeBack } of waiting.values()) takeBack?.()
      waiting.clear()
      asked = 0
      heads = 0
    },
  }
}
