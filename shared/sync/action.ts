/** What a session asks of its owner, and what its owner tells it. */
import type { ErrorCode } from '../errors.ts'
import type { DocumentId } from '../ids.ts'
import type { DocumentRef } from '../update/record.ts'
import type {
  Access,
  Ack,
  AwarenessMessage,
  Catalog,
  Confirm,
  Confirmed,
  Content,
  Entries,
  HarvestMessage,
  Hello,
  Message,
  Open,
  Piece,
  Place,
  Refused,
  Stamped,
  Submit,
  Vector,
  Welcome,
} from '../wire/messages.ts'

/** What the owner of a session has to do, in this order. */
export type Action =
  /** Send it. */
  | { do: 'send'; message: Message }
  /** Send a sign of life. */
  | { do: 'ping' }
  /** Listener: check the place and answer with `welcome`. */
  | { do: 'greet'; hello: Hello }
  /** Dialer: greeted. If `resumed`, the outbox may be sent at once. */
  | { do: 'welcomed'; welcome: Welcome }
  /** Dialer: hold the documents against one's own; answer with `differ`. */
  | { do: 'compare'; catalog: Catalog }
  /** A message of the digest session, whole; answer with `digest`, and with `differ` when the result is there. */
  | { do: 'digest'; bytes: Uint8Array }
  /** Listener: hold it against what is here, and answer with `content`. Dialer: such an answer. */
  | { do: 'content'; content: Content }
  /** Store records, in the same transaction as the place if there is one, then apply them. */
  | { do: 'store'; entries: Entries; place?: Place }
  /** Keep a piece; with the last one, and in the same transaction as the place if there is one, it becomes part of the document. */
  | { do: 'piece'; piece: Piece; place?: Place }
  /** The document is in this epoch: what is held of an older one is gone. Answer an older one with one's own tombstone. */
  | { do: 'deleted'; ref: DocumentRef; place?: Place }
  /** Note that the other holds one's records durably, with the place if there is one. */
  | { do: 'acknowledged'; ack: Ack; place?: Place }
  | { do: 'stamped'; stamped: Stamped; place?: Place }
  | { do: 'refused'; refused: Refused }
  /** Send what the vector lacks, then one's own vector if it asks for a reply. */
  | { do: 'serve'; vector: Vector }
  /** Dialer: this document held nothing more to fetch when it was compared. */
  | { do: 'fetched'; document: DocumentId }
  /** Dialer: all is compared and fetched; the place stands for everything before it. */
  | { do: 'settled'; place: Place }
  /** Dialer: these records are at so many relays; so many of all relays stand behind what is told of a document. */
  | { do: 'confirmed'; confirmed: Confirmed }
  | { do: 'harvest'; harvest: HarvestMessage }
  /** Listener: answer with `confirmed` when it is so. */
  | { do: 'confirm'; confirm: Confirm }
  | { do: 'open'; open: Open }
  | { do: 'close'; ref: DocumentRef }
  | { do: 'submit'; submit: Submit }
  | { do: 'awareness'; awareness: AwarenessMessage }
  /** Listener: whether this is a permission of the same one; answer with `access`. */
  | { do: 'token'; token: string }
  /** Dialer: when the connection is lost, come back within this time. */
  | { do: 'spread'; withinMs: number }
  /** Dialer: what may be done there, and for how long. */
  | { do: 'access'; access: Access }
  /** The conversation is over; `told` where the other side said so. */
  | { do: 'end'; code: ErrorCode; detail: string; told: boolean; retryAfterMs: number }

/** A document that differs, with what is held of it here; see `Vector`. */
export interface Compared extends Pick<Vector, 'vector' | 'stateVector' | 'partial'> {
  ref: DocumentRef
}
