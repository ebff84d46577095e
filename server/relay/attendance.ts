/** What the peer of a connection has open: whom it shows there and is told of, and what other relays are asked for it. */
import { RejoinError } from '../../shared/errors.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import type { AwarenessRooms, Member } from './awareness.ts'
import type { KeptDocument } from './connection.ts'
import { refOf } from './documents.ts'
import type { Feed } from './feeds.ts'
import { OPEN_DOCUMENTS_MAX } from './limits.ts'
import type { Outlet } from './outlet.ts'
import type { Replicas } from './replicas.ts'

export interface AttendanceOptions {
  awareness: AwarenessRooms
  replicas: Replicas
  /** Whom it shows, where the relay knows. */
  subject: string | undefined
  outlet: Pick<Outlet, 'deliver' | 'hasRoom' | 'owe'>
}

export interface Attendance {
  /** Something was not told, as the socket took no more. */
  readonly owes: boolean
  has(document: DocumentId): boolean
  /** Raises `overloaded`. */
  open(where: DocumentRef): void
  close(document: DocumentId): void
  /** It was open before, with what was shown there: nobody is told. */
  restore(documents: readonly KeptDocument[]): void
  kept(): KeptDocument[]
  /** Takes whom the peer shows. Raises `bad-frame`, `too-big` and `overloaded`. */
  show(where: DocumentRef, bytes: Uint8Array): void
  /** There is room: how things stand is told of documents of which something was not. */
  tellAgain(): void
  /** The peer has gone. */
  leave(): void
}

export function createAttendance({ awareness, replicas, subject, outlet }: AttendanceOptions): Attendance {
  const opened = new Map<DocumentId, DocumentRef>()
  /** Documents that the other relays are asked for: how to take that back. */
  const reads = new Map<DocumentId, () => void>()
  /** Documents of which awareness was not told, as the socket took no more; and those of which it is told again. */
  const untold = new Set<DocumentId>()
  const told = new Set<DocumentId>()
  const member: Member = {
    subject,
    // What is ephemeral is shed where it is not read; how things stand then is told when there is room.
    send(message) {
      if (outlet.hasRoom()) outlet.deliver(message)
      else untold.add(message.document)
    },
  }

  function* present(ref: DocumentRef): Feed {
    try {
      yield* awareness.present(ref)
    } finally {
      told.delete(ref.document)
    }
  }

  return {
    get owes() {
      return untold.size > 0
    },
    has: (document) => opened.has(document),
    open(where) {
      if (opened.size >= OPEN_DOCUMENTS_MAX) {
        throw new RejoinError('overloaded', `${opened.size} documents are open, the most allowed`)
      }
      const { document } = where
      const ref = refOf(where)
      opened.set(document, ref)
      awareness.enter(where, member)
      reads.get(document)?.()
      reads.set(
        document,
        replicas.opened(where, (answered, all) => outlet.deliver({ type: 'harvest', ...ref, answered, all })),
      )
    },
    close(document) {
      opened.delete(document)
      reads.get(document)?.()
      reads.delete(document)
      awareness.leave(document, member)
    },
    restore(documents) {
      for (const { awareness: shown, ...ref } of documents) {
        opened.set(ref.document, ref)
        awareness.restore(ref, member, shown)
      }
    },
    kept: () => Array.from(opened.values(), (ref) => ({ ...ref, awareness: awareness.shown(ref.document, member) })),
    show: (where, bytes) => awareness.update(where, bytes, member),
    tellAgain() {
      for (const document of untold) {
        const ref = opened.get(document)
        if (told.has(document)) continue
        untold.delete(document)
        if (ref === undefined) continue
        told.add(document)
        outlet.owe(present(ref))
      }
    },
    leave() {
      for (const forgetRead of reads.values()) forgetRead()
      awareness.leaveAll(member)
    },
  }
}
