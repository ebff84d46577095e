/**
 * All that one relay hosts: the workspaces in use and the conversations about them, for any runtime. A workspace is opened
 * when somebody comes for it and closed a while after the last one left. One workspace's or connection's trouble is told
 * to that one, and harms no other (P9).
 */
import type { Environment } from '../../shared/environment.ts'
import { closeCode } from '../../shared/error-numbers.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { checkDocumentId, checkWorkspaceId, type LogEpoch } from '../../shared/ids.ts'
import { SPREAD_MS_MAX } from '../../shared/limits.ts'
import { encodeFrame, encodeMessage } from '../../shared/wire/codec.ts'
import type { Credentials, Gate } from '../auth/gate.ts'
import { type Access, createAccess, OPEN_ACCESS, type Principal } from '../auth/principal.ts'
import type { RelayStore } from '../storage/store.ts'
import { type AwarenessRooms, createAwarenessRooms } from './awareness.ts'
import { createBackground } from './background.ts'
import type { CommitWatch } from './commits.ts'
import {
  type Connection,
  type ConnectionHandler,
  type Conversation,
  type KeptGuest,
  type KeptSync,
  NOBODY,
} from './connection.ts'
import { createDoor } from './door.ts'
import { createJoinedLogCache } from './joined-logs.ts'
import type { RelayLimits } from './limits.ts'
import { createPermission, OPEN_PERMISSION, type Permission } from './permission.ts'
import { ALONE, type Replicas } from './replicas.ts'
import { createSubscriber } from './subscriber.ts'
import { createRelayWorkspace, type RelayWorkspace } from './workspace.ts'
import { stockCloseCode } from './y-guest.ts'
import { createYRooms, type YRooms } from './y-websocket.ts'

export interface RelayCore {
  /**
   * A connection that speaks the Rejoin protocol. What is wrong with it, it is told itself. With `kept` it goes on where it was
   * when the runtime forgot all but its socket.
   */
  sync(workspaceId: string, connection: Connection, kept?: KeptSync): ConnectionHandler
  /** A connection of a stock y-websocket client, with the token or ticket that it came with; or with `kept`. */
  yWebsocket(
    workspaceId: string,
    documentId: string,
    connection: Connection,
    token?: string,
    kept?: KeptGuest,
  ): ConnectionHandler
  /** Keeps a workspace open until the returned function is called. Raises `stopping`, `overloaded`, `invalid-id`, `storage-failed`. */
  use(workspaceId: string): () => void
  /** As `use`, with the workspace itself. */
  visit(workspaceId: string): Visit
  /** Workspaces in use, and those that were a moment ago. */
  readonly workspaces: number
  /** Connections that are open. */
  readonly connections: number
  /** Rough bytes of memory of the state of documents in use. */
  readonly memory: number
  /** Time has passed; call it every `TICK_EVERY_MS`. */
  tick(): void
  /** Does at once what a workspace needs done from time to time, for runtimes without a clock that ticks. */
  maintain(workspaceId: string): void
  /** When that is needed next, in milliseconds; `undefined`: not before somebody writes. Raises `storage-failed`. */
  dueAt(workspaceId: string): number | undefined
  /** Something is done in the background. */
  readonly busy: boolean
  /** Tells every connection that the relay stops, and closes the workspaces. Idempotent. */
  close(): void
}

/** A workspace that stays open until `leave` is called. */
export interface Visit {
  readonly workspace: RelayWorkspace
  readonly replicas: Replicas
  leave(): void
}

export type RelayEvent = 'workspace opened' | 'workspace closed' | 'stock client turned away'

export interface RelayCoreOptions {
  /** Opens or creates the store of a workspace. Raises `storage-failed`. */
  openStore: (workspaceId: string) => RelayStore
  environment: Environment
  limits: RelayLimits
  /** The epoch that the log of the only workspace was in, where that goes on after a runtime forgot it. */
  continued?: LogEpoch
  /** Who comes in and may do what; everybody and everything without it. */
  gate?: Gate
  /** Milliseconds after its last edit at which a document is deleted; `undefined`: never. */
  ttlMs?: (workspaceId: string, documentId: string) => number | undefined
  /** Is told of every group of updates that was to become durable, in any workspace. */
  watch?: CommitWatch
  /** A workspace was opened: gives it the other relays that hold it. */
  attach?: (workspaceId: string, workspace: RelayWorkspace) => Replicas
  /** Runs a commit when the current turn of the event loop has taken all it brings. */
  soon: (commit: () => void) => void
  /** What went wrong and is nobody's to be told. */
  report: (error: unknown) => void
  /** What an operator may like to know. */
  noted: (event: RelayEvent, workspaceId: string, fields?: Readonly<Record<string, unknown>>) => void
}

/** How long a workspace that nobody uses stays open: a page that is loaded anew finds it so. */
const WORKSPACE_IDLE_MS = 60_000
/** Workspaces open at once: each is three files and some megabytes of caches. */
const WORKSPACES_OPEN_MAX = 1024
/**
 * Connections from which on clients are told within what time to come back, that time, and what each adds to it: with those who try again while
 * it is still away some 3 % of two thousand try in a tenth of a second, so that chance does not make it five.
 */
const SPREAD_FROM = 100
const SPREAD_MS = 6_000
const SPREAD_MS_EACH = 0.1

interface Hosted {
  handler: ConnectionHandler
  /** Where it is, once it is let in. */
  visited(): OpenWorkspace | undefined
}

interface OpenWorkspace {
  id: string
  workspace: RelayWorkspace
  replicas: Replicas
  awareness: AwarenessRooms
  yRooms: YRooms
  users: number
  idleSince: number
}

export function createRelayCore(options: RelayCoreOptions): RelayCore {
  const { environment, gate, limits, soon, report, noted } = options
  const logs = createJoinedLogCache(limits.joinedLogBytesMax)
  const background = createBackground(environment, report)
  const open = new Map<string, OpenWorkspace>()
  const conversations = new Map<Conversation, Hosted>()
  let closed = false
  let connections = 0

  function enter(workspaceId: string): OpenWorkspace {
    if (closed) throw new RejoinError('stopping', 'the relay stops')
    const known = open.get(workspaceId)
    if (known !== undefined) return known
    checkWorkspaceId(workspaceId)
    if (open.size >= WORKSPACES_OPEN_MAX) leaveLongestIdle()
    const store = options.openStore(workspaceId)
    let workspace: RelayWorkspace
    try {
      workspace = createRelayWorkspace({
        store,
        environment,
        limits,
        continued: options.continued,
        ttlMs: options.ttlMs && ((document) => options.ttlMs?.(workspaceId, document)),
        soon,
        background,
        report,
        watch: options.watch,
      })
    } catch (error) {
      store.close()
      throw error
    }
    const awareness = createAwarenessRooms(environment, limits.awarenessPerSecondMax)
    const yRooms = createYRooms({
      workspace,
      awareness,
      logs: logs.of(workspace),
      environment,
      report,
      updateBytesMax: limits.updateBytesMax,
      turnedAway: (document, code, detail) => {
        noted('stock client turned away', workspaceId, { document, code, message: detail })
      },
    })
    const replicas = attach(workspaceId, workspace)
    const opened = { id: workspaceId, workspace, replicas, awareness, yRooms, users: 0, idleSince: environment.now() }
    open.set(workspaceId, opened)
    noted('workspace opened', workspaceId)
    return opened
  }

  function attach(id: string, workspace: RelayWorkspace): Replicas {
    try {
      return options.attach?.(id, workspace) ?? ALONE
    } catch (error) {
      workspace.close()
      throw error
    }
  }

  /** Everybody there comes again, and finds a store that works, or is told that none opens. */
  function leaveFailing(failing: OpenWorkspace): void {
    report(new RejoinError('storage-failed', `the store of ${failing.id} fails, and is opened anew`))
    for (const [conversation, { visited }] of conversations) {
      if (visited() === failing) attempt(() => conversation.end('storage-failed', 'the store is opened anew'))
    }
    shut(failing)
  }

  function leaveLongestIdle(): void {
    const idle = [...open.values()].filter(({ users }) => users === 0).sort((a, b) => a.idleSince - b.idleSince)[0]
    if (idle === undefined) throw new RejoinError('overloaded', `${open.size} workspaces are in use, the most allowed`)
    shut(idle)
  }

  function shut(workspace: OpenWorkspace): void {
    open.delete(workspace.id)
    attempt(() => workspace.workspace.flush())
    attempt(() => workspace.replicas.close())
    attempt(() => workspace.workspace.close())
    noted('workspace closed', workspace.id)
  }

  /** Lets a connection in, or tells it why not. `converse` may ask for a workspace, once. */
  function host(
    connection: Connection,
    refuse: (error: RejoinError) => void,
    converse: (visit: (workspaceId: string) => OpenWorkspace) => Conversation,
  ): ConnectionHandler {
    let visited: OpenWorkspace | undefined
    try {
      const conversation = converse((workspaceId) => {
        visited = enter(workspaceId)
        visited.users++
        return visited
      })
      const workspace = () => visited?.workspace
      const handler = guarded(conversation, connection, workspace, () => {
        if (conversations.delete(conversation) && visited !== undefined) leave(visited)
      })
      conversations.set(conversation, { handler, visited: () => visited })
      return handler
    } catch (error) {
      if (visited !== undefined) visited.users--
      refuse(toRejoinError(error, 'storage-failed', 'the workspace does not open'))
      return NOBODY
    }
  }

  function visit(workspaceId: string): Visit {
    const opened = enter(workspaceId)
    let left = false
    opened.users++
    return {
      workspace: opened.workspace,
      replicas: opened.replicas,
      leave() {
        if (!left) leave(opened)
        left = true
      },
    }
  }

  function leave(workspace: OpenWorkspace): void {
    workspace.users--
    workspace.idleSince = environment.now()
  }

  /** Few come back as they like; of many a few percent in a tenth of a second. */
  function spreadMs(): number {
    const { size } = conversations
    return size < SPREAD_FROM ? 0 : Math.min(SPREAD_MS_MAX, Math.ceil(SPREAD_MS + size * SPREAD_MS_EACH))
  }

  const permit = (access: Access, where: Omit<Credentials, 'token'>): Permission =>
    gate === undefined ? OPEN_PERMISSION : createPermission(gate, access, environment.now, where)

  /** Who was let in before the runtime forgot it. Raises `token-expired` and `unauthenticated` where that has ended. */
  function stillIn(gate: Gate, principal: Principal): Access {
    const access = createAccess(principal)
    createPermission(gate, access, environment.now, { workspace: '' }).check()
    return access
  }

  /** Tells why it is not let in, or not any longer, and closes. */
  function refusing(
    connection: Connection,
    toClose: typeof closeCode,
    tell?: (code: ErrorCode, detail: string) => void,
  ) {
    return (error: RejoinError): void => {
      const { code, detail } = error
      if (code === 'storage-failed') report(error)
      attempt(() => tell?.(code, detail))
      connection.close(toClose(code), detail)
    }
  }

  /** An error that a conversation did not see coming ends it alone. */
  function guarded(
    conversation: Conversation,
    connection: Connection,
    workspace: () => RelayWorkspace | undefined,
    left: () => void,
  ): ConnectionHandler {
    const guard = (act: () => void): void => {
      try {
        act()
      } catch (error) {
        report(error)
        attempt(() => conversation.closed())
        connection.close(closeCode('storage-failed'), 'the relay failed')
      }
    }
    return {
      received: (data) => guard(() => conversation.received(data)),
      drained: () => guard(() => conversation.drained()),
      tick: () => guard(() => conversation.tick()),
      heard: (at) => guard(() => conversation.heard(at)),
      get changes() {
        return conversation.changes + (workspace()?.ownEpoch() === undefined ? 0 : 1)
      },
      get resting() {
        return conversation.resting && workspace()?.isAhead() !== true
      },
      kept: () => ({ ...conversation.kept(), epoch: workspace()?.ownEpoch() }),
      closed() {
        guard(() => conversation.closed())
        left()
      },
    }
  }

  /** Where all together use more memory than they may, those give some back that use more than their part. */
  function shareMemory(): void {
    const used = Array.from(open.values(), ({ workspace }) => ({ workspace, bytes: workspace.memory() }))
    let left = limits.memoryTotalBytesMax
    if (used.reduce((sum, { bytes }) => sum + bytes, 0) <= left) return
    used.sort((a, b) => a.bytes - b.bytes)
    for (const [at, { workspace, bytes }] of used.entries()) {
      const part = left / (used.length - at)
      if (bytes > part) attempt(() => workspace.shrink(part))
      left -= Math.min(bytes, part)
    }
  }

  function attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  return {
    sync(workspaceId, connection, kept) {
      const refuse = refusing(connection, closeCode, (code, detail) => {
        connection.send(encodeFrame([encodeMessage({ type: 'failure', code, detail, retryAfterMs: 0 })]))
      })
      return host(connection, refuse, (visit) => {
        const converse = (access: Access): Conversation => {
          const { workspace, awareness, replicas } = visit(workspaceId)
          const permission = permit(access, { workspace: workspaceId })
          const told = { report, permission, spreadMs, number: ++connections }
          return createSubscriber({ workspace, awareness, replicas, connection, environment, ...told, kept })
        }
        if (gate === undefined) return converse(OPEN_ACCESS)
        if (kept?.principal !== undefined) return converse(stillIn(gate, kept.principal))
        const admission = (token: string) => gate.admit({ token, workspace: workspaceId })
        return createDoor({ connection, now: environment.now, admission, enter: converse, refuse, since: kept?.since })
      })
    },
    yWebsocket(workspaceId, document, connection, token = '', kept) {
      const refuse = refusing(connection, stockCloseCode)
      return host(connection, refuse, (visit) => {
        const converse = (access: Access): Conversation => {
          checkDocumentId(document)
          access.demand('read', document)
          const permission = permit(access, { workspace: workspaceId, document })
          return visit(workspaceId).yRooms.enter({ document, connection, permission, kept, number: ++connections })
        }
        if (gate === undefined) return converse(OPEN_ACCESS)
        if (kept?.principal !== undefined) return converse(stillIn(gate, kept.principal))
        const admission = gate.admit({ token, workspace: workspaceId, document })
        return createDoor({ connection, now: environment.now, admission, enter: converse, refuse })
      })
    },
    use: (workspaceId) => visit(workspaceId).leave,
    visit,
    get workspaces() {
      return open.size
    },
    get connections() {
      return conversations.size
    },
    get memory() {
      let bytes = 0
      for (const { workspace } of open.values()) bytes += workspace.memory()
      return bytes
    },
    tick() {
      for (const { handler } of conversations.values()) handler.tick()
      for (const workspace of open.values()) {
        attempt(() => workspace.workspace.tick())
        if (workspace.workspace.isFailing) {
          leaveFailing(workspace)
          continue
        }
        if (workspace.users > 0 || workspace.replicas.busy) continue
        if (environment.now() - workspace.idleSince < WORKSPACE_IDLE_MS) continue
        shut(workspace)
      }
      shareMemory()
    },
    maintain: (workspaceId) => enter(workspaceId).workspace.maintain(),
    dueAt: (workspaceId) => enter(workspaceId).workspace.dueAt(),
    get busy() {
      return background.busy
    },
    close() {
      if (closed) return
      closed = true
      // They come back spread over the time that they were told of while they were many.
      for (const conversation of conversations.keys()) {
        attempt(() => conversation.end('stopping', 'the relay stops'))
      }
      for (const workspace of open.values()) shut(workspace)
      background.close()
    },
  }
}
