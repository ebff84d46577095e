/**
 * `RelayObject`: the relay of one workspace in one region, as a Durable Object. It runs the same core as a Node relay does, a turn
 * at a time: an event is taken, what it brought is committed, and what its sockets go on from is taken down. Between turns it
 * holds no timer and no outgoing socket, so that the platform lets it sleep; pings are answered without waking it. Only who comes
 * by plain requests, as his network blocks WebSockets, keeps it awake for as long as he is there.
 */
import { DurableObject } from 'cloudflare:workers'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { FRAME_BYTES_MAX } from '../../shared/limits.ts'
import { errorBody } from '../app.ts'
import { type Authenticate, createGate, type Gate, type Revocations } from '../auth/gate.ts'
import { TICKET_PREFIX, type Ticket, type TicketStore } from '../auth/tickets.ts'
import { atMostOften, createLog, errorFields } from '../log.ts'
import { READ_REPAIR_MS } from '../mesh/bounds.ts'
import { createRelayCore, type RelayCore } from '../relay/relay.ts'
import { Y_HEAD_BYTES } from '../relay/y-protocol.ts'
import { hasObjectStore, openObjectStore } from '../storage/sqlite-object.ts'
import { parseTarget, SUBPROTOCOL, shownToken, type Target, workspaceOf } from '../target.ts'
import { createObjectMesh, type ObjectMesh } from './object-mesh.ts'
import { authenticateOf, namespaceOf, OBJECT_LIMITS, objectOptions, regionsOf } from './object-options.ts'
import { createObjectRequests, type ObjectRequests } from './object-requests.ts'
import { closeSocket, createObjectSockets, keptEpoch, type ObjectSockets } from './object-sockets.ts'
import { createObjectTurns, type ObjectTurns } from './object-turns.ts'
import { objectName, parseObjectName, type Region } from './regions.ts'

/** How often an alarm looks whether what it began is done. */
const BUSY_LOOK_MS = 50
/** What is done from time to time waits for so long at least. */
const MAINTAIN_AFTER_MS = 60 * 60_000
/** After a write the regions are compared, in case that one missed it; and again, where one could not be reached. */
const COMPARE_AFTER_MS = 30_000
const COMPARE_AGAIN_MS = 60_000
/** The key under which it is kept which regions nobody has used. */
const UNUSED = 'unused regions'
/** And the one for who was turned out, and when. */
const REVOKED = 'revoked'

const log = createLog({ write: (line) => console.error(line), human: false, now: Date.now })

/** Whoever is let in is so in a turn of the object. */
function inTurn(authenticate: Authenticate, environment: Environment): Authenticate {
  return async (credentials) => {
    try {
      return await authenticate(credentials)
    } finally {
      environment.setTimer(() => {}, 0)
    }
  }
}

/** Who may do what, where somebody asks; tickets and revocations outlive a sleep. */
function openGate(
  { storage: { kv } }: DurableObjectState,
  env: Readonly<Record<string, unknown>>,
  environment: Environment,
): Gate | undefined {
  const asked = authenticateOf(objectOptions(), env, environment.now)
  const tickets: TicketStore = {
    all: () => kv.list<Ticket>({ prefix: TICKET_PREFIX }),
    put: (name, ticket) => kv.put(name, ticket),
    delete: (name) => kv.delete(name),
  }
  if (asked === undefined) return undefined
  return createGate({
    ...environment,
    ...asked,
    authenticate: inTurn(asked.authenticate, environment),
    tickets,
    revoked: kv.get<Revocations>(REVOKED),
    keep: (revoked) => kv.put(REVOKED, revoked),
  })
}

/** Export it from your Worker, and bind it in `wrangler.toml` with `new_sqlite_classes`. */
export class RelayObject extends DurableObject<unknown> {
  readonly #workspace: string
  readonly #core: RelayCore
  readonly #gate: Gate | undefined
  readonly #sockets: ObjectSockets<WebSocket>
  readonly #turns: ObjectTurns
  readonly #requests: ObjectRequests
  readonly #mesh: ObjectMesh
  readonly #connectionsMax: number
  /** When the alarm is known to be set for. */
  #alarmAt = Number.POSITIVE_INFINITY
  /** Nobody has come since this object was last asleep without sockets. */
  #isNew: boolean
  /** What whoever came first began, while others are asked. */
  #comparing: Promise<void> | undefined

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env)
    const options = objectOptions()
    const { ttlMs } = options
    const limits = { ...OBJECT_LIMITS, ...options.limits }
    const environment: Environment = {
      ...systemEnvironment,
      setTimer: (callback, delayMs) => systemEnvironment.setTimer(() => this.#turn(callback), delayMs),
    }
    this.#turns = createObjectTurns({
      environment: systemEnvironment,
      tick: () => {
        this.#sockets.heard()
        this.#core.tick()
      },
      committed: () => this.#committed(),
      keep: () => this.#sockets.keep(),
    })
    const flooding = atMostOften(log, Date.now)
    const report = (error: unknown) => flooding('error', 'internal error', errorFields(error))
    const webSockets = ctx.getWebSockets()
    const { region, workspace } = parseObjectName(ctx.id.name ?? '')
    this.#workspace = workspace
    this.#connectionsMax = limits.connectionsMax
    this.#isNew = webSockets.length === 0
    this.#mesh = createObjectMesh({
      regions: regionsOf(options).filter((other) => other !== region),
      unused: ctx.storage.kv.get<Region[]>(UNUSED) ?? [],
      keep: (unused) => ctx.storage.kv.put(UNUSED, unused),
      call: (other, request) => this.#call(other, region, request),
      environment,
      trouble: (peer, { code, detail }) => flooding('info', 'peer trouble', { workspace, peer, code, message: detail }),
      report,
    })
    this.#gate = openGate(ctx, env as Record<string, unknown>, environment)
    this.#core = createRelayCore({
      gate: this.#gate,
      openStore: () => openObjectStore(ctx.storage, environment),
      environment,
      limits,
      continued: keptEpoch(webSockets),
      ttlMs: typeof ttlMs === 'number' ? () => ttlMs : ttlMs,
      attach: (_, opened) => this.#mesh.attach(opened),
      soon: (commit) => this.#turns.soon(commit),
      report,
      noted: () => {},
    })
    this.#sockets = createObjectSockets({
      core: this.#core,
      bytesMax: { sync: FRAME_BYTES_MAX, 'y-websocket': limits.yMessageBytesMax + Y_HEAD_BYTES },
      answeredAt: (webSocket) => ctx.getWebSocketAutoResponseTimestamp(webSocket),
      later: (act) => void environment.setTimer(act, 0),
    })
    this.#requests = createObjectRequests({
      core: this.#core,
      gate: this.#gate,
      allowedOrigins: options.allowedOrigins ?? [],
      connectionsMax: limits.connectionsMax,
      environment,
      turn: (act) => this.#turn(act),
      came: () => this.#came(),
      compared: () => this.#compared(environment),
      report,
    })
    ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? Number.POSITIVE_INFINITY
    })
    if (webSockets.length > 0) this.#sockets.restore(webSockets)
    else ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'))
  }

  /** Takes WebSockets and plain requests that are about this workspace; the Worker answers all others. */
  override fetch(request: Request): Response | Promise<Response> {
    const { pathname, search } = new URL(request.url)
    const isSocket = request.headers.get('Upgrade')?.toLowerCase() === 'websocket'
    const target = isSocket ? parseTarget(pathname) : undefined
    if ((isSocket ? target?.workspace : workspaceOf(pathname)) !== this.#workspace) {
      return Response.json(errorBody('not-found', 'there is no such path'), { status: 404 })
    }
    return target === undefined ? this.#requests.answer(request) : this.#accept(request, target, pathname + search)
  }

  #accept(request: Request, target: Target, address: string): Response {
    // Others may be gone for long: the platform does not say.
    this.#turn(() => this.#turns.tick())
    if (this.#sockets.size >= this.#connectionsMax) {
      const message = `${this.#sockets.size} connections are open, the most allowed`
      return Response.json(errorBody('overloaded', message), { status: 503, headers: { 'Retry-After': '5' } })
    }
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    this.ctx.acceptWebSocket(server)
    const offered = request.headers.get('Sec-WebSocket-Protocol')
    this.#turn(() => this.#sockets.accept(server, target, shownToken(address, offered)))
    this.#came()
    // A token among them is not given back.
    const isNamed = offered?.split(',').some((name) => name.trim() === SUBPROTOCOL)
    const headers = isNamed ? { 'Sec-WebSocket-Protocol': SUBPROTOCOL } : undefined
    return new Response(null, { status: 101, webSocket: client, headers })
  }

  /** Who is the first here in a long while is served while others are asked. */
  #came(): void {
    if (!this.#isNew) return
    this.#comparing = this.#compare().finally(() => {
      this.#comparing = undefined
    })
    this.ctx.waitUntil(this.#comparing)
  }

  /** Who asks once waits for them a little: a region that nobody has used has what the others have. */
  async #compared(environment: Environment): Promise<void> {
    this.#came()
    if (this.#comparing === undefined) return
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = environment.setTimer(resolve, READ_REPAIR_MS)
    await Promise.race([this.#comparing, late])
    cancel()
  }

  override webSocketMessage(webSocket: WebSocket, data: string | ArrayBuffer): void {
    this.#turn(() => this.#sockets.received(webSocket, data))
  }

  override webSocketClose(webSocket: WebSocket, code: number, reason: string): void {
    this.#turn(() => this.#sockets.closed(webSocket))
    closeSocket(webSocket, code, reason)
  }

  override webSocketError(webSocket: WebSocket): void {
    this.#turn(() => this.#sockets.closed(webSocket))
  }

  /** The answer to the object of the workspace in another region; `undefined` where nobody has come to this one yet. */
  exchange(from: Region, request: Uint8Array): Uint8Array | undefined {
    if (!hasObjectStore(this.ctx.storage)) return undefined
    let answer: Uint8Array | undefined
    this.#turn(() => {
      const leave = this.#core.use(this.#workspace)
      answer = this.#mesh.answer(from, request)
      leave()
    })
    return answer
  }

  /** For `RelayWorker.revoke`: it is kept when this returns. */
  revoke(subject: string): void {
    this.#turn(() => {
      this.#gate?.revoke(subject)
      this.#core.tick()
    })
  }

  /** May run twice, or be cut: all of it can be done again. */
  override async alarm(): Promise<void> {
    this.#alarmAt = Number.POSITIVE_INFINITY
    try {
      this.#turn(() => this.#core.maintain(this.#workspace))
      await this.#compare()
      while (this.#core.busy) await new Promise((resolve) => setTimeout(resolve, BUSY_LOOK_MS))
    } finally {
      this.#plan(this.#dueAt())
    }
  }

  /** Holds everything against the other regions; what fails is tried again by the alarm. */
  async #compare(): Promise<void> {
    this.#isNew = false
    if (!this.#mesh.hasPeers) return
    const leave = this.#core.use(this.#workspace)
    try {
      if (!(await this.#mesh.compare())) this.#plan(Date.now() + COMPARE_AGAIN_MS)
    } finally {
      leave()
    }
  }

  async #call(to: Region, from: Region, request: Uint8Array): Promise<Uint8Array | undefined> {
    const namespace = namespaceOf<DurableObjectNamespace<RelayObject>>(this.env, objectOptions())
    const stub = namespace.get(namespace.idFromName(objectName(to, this.#workspace)), { locationHint: to })
    return await stub.exchange(from, request)
  }

  #turn(act: () => void): void {
    this.#turns.turn(act)
  }

  #committed(): void {
    const compareAt = this.#mesh.hasPeers ? Date.now() + COMPARE_AFTER_MS : undefined
    if (this.#alarmAt > (compareAt ?? Number.MAX_VALUE)) this.#plan(compareAt ?? this.#dueAt())
  }

  #dueAt(): number | undefined {
    const at = this.#core.dueAt(this.#workspace)
    return at === undefined ? undefined : Math.max(at, Date.now() + MAINTAIN_AFTER_MS)
  }

  /** There is one alarm, for the earliest of what was asked for. It is set in the turn that asks: with what that wrote, or not at all. */
  #plan(at: number | undefined): void {
    if (at === undefined || at >= this.#alarmAt) return
    this.#alarmAt = at
    this.ctx.waitUntil(this.ctx.storage.setAlarm(at))
  }
}
