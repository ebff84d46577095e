/** The answering side of digest sessions: all that is kept between two requests. Few and short (P7); one that is forgotten is begun anew. */
import type { DigestConversation } from '../../shared/digest/conversation.ts'
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { createAssembly, inParts } from '../../shared/sync/parts.ts'
import type { DigestPart } from '../../shared/wire/messages.ts'

export interface DigestSessions {
  /** Takes parts of a session, and hands over those of the answer. Raises `overloaded`, `protocol`, `bad-frame`, `too-big`. */
  answer(id: string, parts: readonly DigestPart[], put: (part: DigestPart) => void): void
  close(): void
}

/** Sessions at once: each is a few kilobytes, or a list of the documents. */
const SESSIONS_MAX = 16
/** One whose next message does not come is forgotten. */
const SESSION_MS_MAX = 30_000

interface Session {
  conversation: DigestConversation & { over(): void }
  assembly: ReturnType<typeof createAssembly>
  at: number
}

export function createDigestSessions(environment: Environment, begin: () => Session['conversation']): DigestSessions {
  const sessions = new Map<string, Session>()

  function open(id: string, put: (part: DigestPart) => void): Session {
    for (const [other, { at }] of sessions) if (Math.abs(environment.now() - at) > SESSION_MS_MAX) forget(other)
    if (sessions.size >= SESSIONS_MAX) throw new RejoinError('overloaded', `${sessions.size} digests are under way`)
    const session = { conversation: begin(), assembly: createAssembly(), at: environment.now() }
    sessions.set(id, session)
    for (const part of session.conversation.start().flatMap(inParts)) put(part)
    return session
  }

  function forget(id: string): void {
    sessions.get(id)?.conversation.over()
    sessions.delete(id)
  }

  return {
    answer(id, parts, put) {
      const known = sessions.get(id)
      if (known === undefined && parts.length > 0) throw new RejoinError('protocol', 'that digest session is not known')
      const session = known ?? open(id, put)
      session.at = environment.now()
      try {
        for (const part of parts) {
          const whole = session.assembly.add(part)
          if (whole === undefined) continue
          const { send, differing } = session.conversation.receive(whole)
          for (const each of send.flatMap(inParts)) put(each)
          if (differing !== undefined) forget(id)
        }
      } catch (error) {
        forget(id)
        throw error
      }
    },
    close() {
      for (const id of [...sessions.keys()]) forget(id)
    },
  }
}
