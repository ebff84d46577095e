/**
 * The client's side of a digest session: which documents differ from the relay's, whatever their number. It compares the
 * documents as they are when the relay begins; what changes meanwhile travels by the stream and the outbox.
 */
import {
  createDigestConversation,
  type DigestAnswer,
  type DigestConversation,
} from '../../shared/digest/conversation.ts'
import { createInitiator } from '../../shared/digest/reconcile.ts'
import { documentVersion } from '../../shared/digest/version.ts'
import type { Environment } from '../../shared/environment.ts'
import type { DocumentId } from '../../shared/ids.ts'
import type { HeldDocument, UpdateLog } from '../replica/update-log.ts'

export interface Digesting {
  /** Takes a message of the relay. Raises `bad-frame` and `protocol`. */
  receive(bytes: Uint8Array): Promise<DigestAnswer>
  /** Documents as they were compared. */
  readonly compared: readonly HeldDocument[]
  /** Documents that left this device: they differ, and are not asked for. */
  readonly left: ReadonlySet<DocumentId>
}

export function createDigesting(log: Pick<UpdateLog, 'documents'>, environment: Environment): Digesting {
  let conversation: DigestConversation | undefined
  let compared: readonly HeldDocument[] = []
  let left: ReadonlySet<DocumentId> = new Set()
  return {
    get left() {
      return left
    },
    get compared() {
      return compared
    },
    async receive(bytes) {
      conversation ??= await begin()
      return conversation.receive(bytes)
    },
  }

  async function begin(): Promise<DigestConversation> {
    const all = await log.documents()
    compared = all.filter(({ away }) => away !== 'left')
    left = new Set(all.filter(({ away }) => away === 'left').map(({ ref }) => ref.document))
    const elements = compared.map(({ ref, vector }) => ({
      id: ref.document,
      fingerprint: documentVersion(ref.epoch, vector),
    }))
    const { randomBytes } = environment
    return createDigestConversation(createInitiator({ elements: () => elements, randomBytes }))
  }
}
