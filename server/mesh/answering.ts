/**
 * Answering another relay's request about one workspace: what it brings is taken, what it asks for is sent, up to the size of
 * an answer. Nothing is kept of one request for the next but digest sessions, which are few and short (P7): a relay that forgets
 * them, as one that hibernates does, is only asked again.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { RelayId } from '../../shared/ids.ts'
import { EXCHANGE_BYTES_TARGET } from '../../shared/limits.ts'
import type { Vector } from '../../shared/wire/messages.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import { type Body, createBody, decodeBody, encodeFailure } from './body.ts'
import { createDigestSessions } from './digest-sessions.ts'
import type { Forks } from './forks.ts'
import type { Inbox } from './incoming.ts'
import { answersFor, ownersOf } from './outgoing.ts'

export interface Answering {
  /** Never throws: what is wrong with a request is its answer. */
  answer(request: Uint8Array): Uint8Array
  close(): void
}

export interface AnsweringOptions {
  workspace: RelayWorkspace
  /** Who this relay is. */
  relay: RelayId
  inbox: Inbox
  environment: Environment
  report: (error: unknown) => void
  /** A request was refused: it is damaged, too large, or what relays do not say. */
  refused: (error: RejoinError) => void
  /** Is told of what another relay holds, and of what was not taken, as it may show two histories under one name. */
  forks: Forks
}

export function createAnswering(options: AnsweringOptions): Answering {
  const { workspace, relay, inbox, environment, report, refused, forks } = options
  const sessions = createDigestSessions(environment, () => workspace.digest())

  function respond(request: Uint8Array): Uint8Array {
    const { head, messages } = decodeBody(request)
    if (head.relay === relay) throw new RejoinError('forbidden', 'somebody claims to be this relay')
    if (head.place === undefined) throw new RejoinError('protocol', 'an exchange about a workspace names no replica')
    if (head.place.replica === workspace.replica) {
      throw new RejoinError('forbidden', 'somebody claims to be the replica that is here: its folder is a copy')
    }
    const incoming = inbox.take(messages, head.place.replica, head.relay)
    forks.refused(incoming.answers)
    const asked = new Set(incoming.vectors.map(({ document }) => document))
    for (const { document } of incoming.refused) if (asked.has(document)) workspace.suspect(document)
    forks.refused(incoming.refused.filter(({ document }) => !asked.has(document)))
    const body = createBody()
    for (const answer of incoming.answers) body.put(answer)
    let more = false
    for (const vector of incoming.vectors) {
      if (body.bytes < EXCHANGE_BYTES_TARGET) more = !serve(vector, body) || more
      else more = true
    }
    for (const { document } of incoming.vectors) for (const owners of ownersOf(workspace, document)) body.put(owners)
    if (head.session !== undefined) sessions.answer(head.session, incoming.digests, body.put)
    return body.encode({ relay, place: placeOf(workspace), session: head.session, more })
  }

  /** Whether all of the answer found its place. */
  function serve(vector: Vector, body: Body): boolean {
    forks.seen(vector)
    try {
      for (const message of answersFor(workspace, vector)) {
        body.put(message)
        if (body.bytes >= EXCHANGE_BYTES_TARGET && message.type !== 'vector') return false
      }
    } catch (error) {
      // One document's damage is not the others' (P9); it has no vector at its end, and is asked for again.
      report(error)
      return false
    }
    return true
  }

  return {
    answer(request) {
      try {
        return respond(request)
      } catch (thrown) {
        if (!(thrown instanceof RejoinError)) report(thrown)
        const error = toRejoinError(thrown, 'storage-failed', 'the relay failed')
        refused(error)
        return encodeFailure(error)
      }
    },
    close: sessions.close,
  }
}

/** Who speaks for the workspace here, and where its log is. */
export const placeOf = (workspace: RelayWorkspace) => ({
  replica: workspace.replica,
  epoch: workspace.epoch(),
  offset: workspace.head(),
})
