/** The asking side of a digest session with another relay: which documents differ, in bytes that grow with their number. */
import { createDigestConversation } from '../../shared/digest/conversation.ts'
import type { DigestElement } from '../../shared/digest/element.ts'
import { createInitiator } from '../../shared/digest/reconcile.ts'
import type { DigestSummary } from '../../shared/digest/summary.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import type { HashKey } from '../../shared/hash.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import { createAssembly, inParts } from '../../shared/sync/parts.ts'
import type { DigestPart } from '../../shared/wire/messages.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'

/** Sends parts of a session, and resolves to those of the answer. */
export type AskDigest = (parts: readonly DigestPart[], session: string) => Promise<readonly DigestPart[]>

/** The documents that differ. Raises `protocol`, `bad-frame`, `too-big`, and what the asking raises. */
export function compareDocuments(
  workspace: Pick<RelayWorkspace, 'versions'>,
  environment: Environment,
  ask: AskDigest,
): Promise<ReadonlySet<DocumentId>> {
  // As they are when it begins: what changes meanwhile is pushed.
  const elements = [...workspace.versions()]
  return compare({ elements: () => elements }, environment, ask)
}

export interface Compared {
  elements(): Iterable<DigestElement>
  summaryFor?(key: HashKey): DigestSummary | undefined
}

export async function compare(mine: Compared, environment: Environment, ask: AskDigest): Promise<ReadonlySet<string>> {
  const session = randomId(environment)
  const conversation = createDigestConversation(createInitiator({ ...mine, randomBytes: environment.randomBytes }))
  const assembly = createAssembly()
  let differing: ReadonlySet<string> | undefined
  let parts: readonly DigestPart[] = await ask([], session)
  while (differing === undefined) {
    const send: DigestPart[] = []
    for (const part of parts) {
      const whole = assembly.add(part)
      const answer = whole && conversation.receive(whole)
      for (const bytes of answer?.send ?? []) send.push(...inParts(bytes))
      differing ??= answer?.differing
    }
    if (send.length === 0 && differing === undefined) throw new RejoinError('protocol', 'a digest session stands still')
    if (send.length > 0) parts = await ask(send, session)
  }
  return differing
}
