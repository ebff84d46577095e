/**
 * What a workspace loads when it is to connect for the first time: the connection to its relays, the conversation over it, and how
 * both end. What makes room comes along, as only what relays have may leave.
 */
import type { Environment } from '../shared/environment.ts'
import { type ErrorCode, RejoinError, withoutRemedy } from '../shared/errors.ts'
import type { Scope } from '../shared/wire/messages.ts'
import type { Acting } from './acting.ts'
import { type Connector, type ConnectorOptions, createConnector, type Ended } from './connection/connector.ts'
import { createConversation } from './connection/conversation.ts'
import { dialAnyhow } from './connection/polling.ts'
import type { Documents } from './documents.ts'
import type { Events } from './events.ts'
import { createEvicting, type Evicting } from './evicting.ts'
import type { Hearing } from './hearing.ts'
import { createHost } from './hosting.ts'
import { createLeading } from './leading.ts'
import type { WorkspaceOptions } from './options.ts'
import type { UpdateLog } from './replica/log-types.ts'
import type { Standing } from './standing.ts'
import type { Team } from './team.ts'

export interface RelayingOptions extends Pick<ConnectorOptions, 'changed'> {
  /** As the app gave them. */
  options: Pick<WorkspaceOptions, 'dial' | 'token' | 'budgetBytes'>
  urls: readonly string[]
  scope: Scope
  log: UpdateLog
  environment: Environment
  hearing: Hearing
  documents: Documents
  standing: Standing
  events: Events
  team: Team
  /** A relay refused edits of this document for good. */
  end: Acting['end']
  /** What is still shown as unacknowledged is counted again. */
  recount(): Promise<void>
}

export interface Relaying {
  connector: Connector
  evicting: Evicting
}

export function createRelaying(relaying: RelayingOptions): Relaying {
  const { options, log, environment, hearing, documents, standing, events, team, end } = relaying
  const { report } = events
  const leading = team.equip(createLeading)
  const host = createHost({ hearing, documents, standing, events, team, leading, end })
  const evicting = createEvicting({
    log,
    environment,
    budgetBytes: options.budgetBytes ?? Infinity,
    leads: () => log.durable && team.role === 'leading',
    isSynced: () => standing.status.get().connection === 'synced',
    isOpen: (id) => leading.documents().some(({ document }) => document === id),
    left: (held) => hearing.changed([held]),
    report,
  })
  for (const { where } of documents.all()) evicting.used(where.document)
  const connector = createConnector({
    urls: relaying.urls,
    dial: options.dial ?? dialAnyhow(environment.now),
    environment,
    async converse(url, socket, ended) {
      try {
        const token = await askToken(options.token)
        standing.connect('syncing')
        standing.show()
        team.stands()
        return createConversation({
          log,
          socket,
          url,
          scope: relaying.scope,
          token,
          renewToken: typeof options.token === 'function' ? () => askToken(options.token) : undefined,
          environment,
          host: {
            ...host,
            recount: relaying.recount,
            spread: (withinMs) => connector.spread(withinMs),
            ended: over(ended),
          },
        })
      } catch (problem) {
        report(problem)
        throw problem
      }
    },
    changed: relaying.changed,
  })
  let told: ErrorCode | undefined
  standing.status.subscribe(({ connection }) => {
    if (connection === 'synced') told = undefined
  })

  /** Networks come and go; anything else is worth knowing, once for as long as it keeps the workspace from being in sync. */
  function over(ended: Ended): Ended {
    return (why, message, retryAfterMs) => {
      // There is no other: to come back with it is of no use.
      const isLast = why === 'token-expired' && typeof options.token !== 'function'
      const code = isLast ? 'unauthenticated' : why
      const detail = withoutRemedy(why, message)
      if (code === 'fenced') team.fenced()
      const usual = USUAL_ENDS.has(code)
      if (!usual && code !== told) report(new RejoinError(code, detail))
      if (!usual) told = code
      ended(code, detail, retryAfterMs)
    }
  }

  return { connector, evicting }
}

/** Ends that come and go by themselves. */
const USUAL_ENDS: ReadonlySet<ErrorCode> = new Set(['timeout', 'stopping', 'closed', 'token-expired', 'fenced'])

const askToken = async (token: WorkspaceOptions['token'] = ''): Promise<string> =>
  typeof token === 'string' ? token : token()
