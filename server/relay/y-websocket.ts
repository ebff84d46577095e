/**
 * The y-websocket endpoint: an unmodified `WebsocketProvider` syncs a document of a workspace, and sees the same people as
 * Rejoin clients do. This is who is in which room, and what they are handed of what others wrote.
 */
import type { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import { inflatePiece } from '../../shared/update/inflate-piece.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { Accepted, CommitGroup, Subscriber } from './commits.ts'
import type { Conversation } from './connection.ts'
import { isRecord } from './fan-out.ts'
import { createYGuest, type YGuest, type YGuestOptions, type YVisit } from './y-guest.ts'
import { encodeUpdate } from './y-protocol.ts'

/** The stock clients of one workspace. */
export interface YRooms {
  /** Lets a connection into a document and asks it for what is missing here. Raises `storage-failed`. */
  enter(visit: YVisit): Conversation
}

export function createYRooms(options: YGuestOptions): YRooms {
  const { workspace, logs } = options
  const rooms = new Map<DocumentId, Set<YGuest>>()
  const guests = new Map<Subscriber, YGuest>()

  /** What one commit made durable: one message for each document. */
  function committed(group: CommitGroup): void {
    const news = new Map<Set<YGuest>, Accepted[]>()
    for (const accepted of group.accepted) {
      guests.get(accepted.from)?.settled()
      for (const entry of accepted.entries) logs.add(entry)
      const room = rooms.get(accepted.where.document)
      if (room === undefined || accepted.entries.length === 0) continue
      if (accepted.entries.some((entry) => 'tombstone' in entry)) {
        for (const { session } of [...room]) session.end('deleted', 'the document was deleted')
        continue
      }
      if (accepted.firstNewPiece !== undefined) handOnPieces(room, accepted.where, accepted.firstNewPiece)
      const others = news.get(room)
      if (others === undefined) news.set(room, [accepted])
      else others.push(accepted)
    }
    for (const [room, accepted] of news) handOn(room, accepted)
  }

  /** What came from outside, a message for each piece. */
  function handOnPieces(room: ReadonlySet<YGuest>, where: DocumentRef, from: number): void {
    for (const piece of workspace.pieces(where, from)) {
      const frame = encodeUpdate(inflatePiece(piece))
      for (const guest of room) guest.send(frame)
    }
  }

  function roomOf(document: DocumentId): Set<YGuest> {
    let room = rooms.get(document)
    if (room === undefined) {
      room = new Set()
      rooms.set(document, room)
    }
    return room
  }

  function ended({ code, detail }: RejoinError, where: DocumentRef): void {
    logs.drop(where)
    for (const { session } of [...roomOf(where.document)]) session.end(code, detail)
  }

  workspace.subscribe({ committed, refused() {}, ended })
  return {
    enter(visit) {
      const { document, kept } = visit
      const leave = (): void => {
        const room = roomOf(document)
        room.delete(guest)
        guests.delete(guest.subscriber)
        if (room.size === 0) rooms.delete(document)
      }
      const guest = createYGuest(options, visit, leave)
      roomOf(document).add(guest)
      guests.set(guest.subscriber, guest)
      if (kept === undefined) guest.greet()
      return guest.session
    },
  }
}

/** To everybody the same message, so that it is made once: where two wrote at once each also gets back what is its own. */
function handOn(room: ReadonlySet<YGuest>, accepted: readonly Accepted[]): void {
  const authors = new Set(accepted.map(({ from }) => from))
  const updates = accepted.flatMap(({ entries }) => entries.filter(isRecord).map(({ record }) => record.bytes))
  if (updates.length === 0) return
  let frame: Uint8Array | undefined
  for (const guest of room) {
    if (authors.size === 1 && authors.has(guest.subscriber)) continue
    frame ??= encodeUpdate(joined(updates))
    guest.send(frame)
  }
}

/** A single one, which most are, was looked at when it was taken. */
const joined = (updates: readonly Uint8Array[]): Uint8Array =>
  updates.length === 1 && updates[0] !== undefined ? updates[0] : joinUpdates(updates)
