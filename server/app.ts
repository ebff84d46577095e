/** The HTTP routes of a relay, the same on every runtime. WebSockets are the runtime's: they come here only by mistake. */
import { type Context, Hono } from 'hono'
import { type ErrorCode, toRejoinError } from '../shared/errors.ts'
import { refusal } from './access.ts'
import { type Gate, toDenial } from './auth/gate.ts'
import { type Polling, SESSION_TYPE } from './polling.ts'
import { RETRY_AFTER_SECONDS } from './relay/limits.ts'

/** Files that a relay serves beside its routes. */
export interface Assets {
  /** The file of a path like `/index.html`; `undefined` where there is none. */
  read(path: string): Promise<Asset | undefined>
}

export interface Asset {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  /** Its name changes with its content, so that a browser may keep it for ever. */
  immutable: boolean
}

export interface AppOptions {
  version: string
  allowedOrigins: ReadonlySet<string>
  /** Who may do what, where permissions are asked for. */
  gate?: Gate
  /** Whether they are, where that is not known by the gate. */
  guarded?: boolean
  /** Answers a request for `/exchange`; absent where this relay talks to no others. */
  exchange?: (workspace: string | undefined, request: Request) => Promise<Response>
  /** Answers clients whose network blocks WebSockets. */
  polling?: Pick<Polling, 'answer'>
  /** How the mesh looks from here, for `rejoin inspect`; absent where there is none. */
  mesh?: () => unknown
  /** Whether somebody with this `Authorization` may see both; everybody on this machine may, where nobody is asked for a token. */
  isOperator?: (authorization: string | undefined) => boolean
  /** Answers a request about the documents of a workspace, or about one; absent where they are reached by clients only. */
  documents?: (workspace: string, document: string | undefined, request: Request) => Promise<Response>
  /** What Prometheus reads; absent where nobody counts. */
  metrics?: { text(): Promise<string>; readonly contentType: string }
  /** Paths that this runtime cannot serve, and why. */
  unsupported?: Readonly<Record<string, string>>
  /** The demo, where it is installed. */
  assets?: Assets
  /** Whether the relay takes connections. */
  ready: () => boolean
  report: (error: unknown) => void
}

/**
 * Fits a Vite build that talks to any relay, which its address may name: by WebSocket, and by plain requests where those are blocked.
 * Styles are made by scripts (CodeMirror), so they may stand in the page.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self' ws: wss: http: https:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Largest body of a request, but of what has a bound of its own. */
export const BODY_BYTES_MAX = 64 * 1024

/** Codes of errors that only HTTP has, beside the closed set of the protocol. */
export type HttpCode = ErrorCode | 'not-found' | 'upgrade-required' | 'unsupported'

/** The body of every answer that is not a success. */
export const errorBody = (code: HttpCode, message: string) => ({ error: { code, message } })

/** Whether a path tells how the relay is. */
export const isHealth = (path: string): boolean => /^\/(healthz|readyz)(\?|$)/.test(path)

/** What a runtime says of a request. */
interface Told {
  Bindings: { address?: string }
}

export function createApp(options: AppOptions): Hono<Told> {
  const {
    version,
    allowedOrigins,
    gate,
    guarded = gate !== undefined,
    assets,
    exchange,
    polling,
    mesh,
    isOperator,
    documents,
    metrics,
    unsupported = {},
    ready,
    report,
  } = options
  const app = new Hono<Told>()

  app.use(async (context, next) => {
    const host = context.req.header('host') ?? new URL(context.req.url).host
    const origin = context.req.header('origin')
    const refused = refusal({ host, origin }, allowedOrigins, guarded)
    if (refused !== undefined) return context.json(errorBody(refused.code, refused.message), 403)
    // Those are let in, so their pages may read what they are answered.
    const allow = (): void => {
      if (origin !== undefined && allowedOrigins.has(origin)) allowPage(context, origin)
    }
    if (context.req.method === 'OPTIONS') {
      allow()
      return context.body(null, 204)
    }
    await next()
    // Afterwards: an answer that comes whole, as a polled client's, brings its own headers, and takes none from before.
    allow()
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
    context.header('Cross-Origin-Resource-Policy', 'same-origin')
  })
  app.get('/healthz', (context) => context.json({ status: 'ok', version }))
  app.get('/readyz', (context) =>
    ready() ? context.json({ status: 'ready', version }) : context.json(errorBody('stopping', 'the relay stops'), 503),
  )
  // Whoever reads a body counts what comes without a length.
  app.post('/v1/*', async (context, next) => {
    if (Number(context.req.header('content-length') ?? 0) > BODY_BYTES_MAX) {
      return context.json(errorBody('too-big', `the most is ${BODY_BYTES_MAX} bytes`), 413)
    }
    await next()
  })
  if (gate !== undefined) addTickets(app, gate)
  if (documents !== undefined) {
    app.all('/v1/workspaces/:workspace/documents', ({ req }) => documents(req.param('workspace'), undefined, req.raw))
    app.all('/v1/workspaces/:workspace/documents/:document', ({ req }) =>
      documents(req.param('workspace'), req.param('document'), req.raw),
    )
  }
  for (const path of ['/mesh', '/metrics']) {
    app.use(path, async (context, next) => {
      if (isOperator?.(context.req.header('authorization')) === false) return notFound(context, assets !== undefined)
      await next()
    })
  }
  for (const [path, why] of Object.entries(unsupported)) {
    app.all(path, (context) => context.json(errorBody('unsupported', why), 501))
  }
  if (mesh !== undefined) app.get('/mesh', (context) => context.json(mesh() as object))
  if (metrics !== undefined) {
    app.get('/metrics', async (context) =>
      context.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }),
    )
  }
  if (exchange !== undefined) {
    app.post('/exchange', ({ req }) => exchange(undefined, req.raw))
  }
  app.post('/exchange/:workspace', (context) => {
    const { req } = context
    const workspace = req.param('workspace')
    if (req.header('content-type') === SESSION_TYPE && polling !== undefined) {
      return polling.answer(workspace, req.raw, context.env?.address ?? '')
    }
    return exchange?.(workspace, req.raw) ?? notFound(context, assets !== undefined)
  })
  for (const path of ['/sync/*', '/y/*']) app.all(path, upgradeRequired)
  app.get('*', async (context) => {
    const path = context.req.path === '/' ? '/index.html' : context.req.path
    const asset = await assets?.read(path)
    return asset === undefined ? notFound(context, assets !== undefined) : serve(context, asset)
  })
  app.notFound((context) => notFound(context, assets !== undefined))
  app.onError((thrown, context) => {
    report(thrown)
    const { code } = toRejoinError(thrown, 'storage-failed', 'the request failed')
    return context.json(errorBody(code, 'the relay failed; see its log'), 500)
  })
  return app
}

function allowPage(context: Context, origin: string): void {
  context.header('Access-Control-Allow-Origin', origin)
  context.header('Access-Control-Allow-Methods', 'GET, POST, DELETE')
  context.header('Access-Control-Allow-Headers', 'Authorization, Content-Type, Rejoin-Session')
  context.header('Access-Control-Expose-Headers', 'Rejoin-Closed, Rejoin-Harvest')
  context.header('Vary', 'Origin')
}

/**
 * `POST /v1/workspaces/<workspace>/tickets?document=<document>` with `Authorization: Bearer <token>`: a ticket for one
 * connection, for clients that can only put something into an address.
 */
function addTickets(app: Hono<Told>, gate: Gate): void {
  app.post('/v1/workspaces/:workspace/tickets', async (context) => {
    const [, token = ''] = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '') ?? []
    try {
      const [workspace, document] = [context.req.param('workspace'), context.req.query('document')]
      const ticket = await gate.ticket({ token, workspace, document })
      return context.json(ticket, 201, { 'Cache-Control': 'no-store' })
    } catch (error) {
      const { code, detail } = toDenial(error)
      if (code === 'overloaded') context.header('Retry-After', RETRY_AFTER_SECONDS)
      return context.json(errorBody(code, detail), code === 'overloaded' ? 503 : 401)
    }
  })
}

function upgradeRequired(context: Context): Response {
  return context.json(errorBody('upgrade-required', 'connect to this path with a WebSocket'), 426, {
    Upgrade: 'websocket',
  })
}

function notFound(context: Context, demo: boolean): Response {
  const hint = context.req.path === '/' && !demo ? '; the demo is not installed: npm run build:demo makes it' : ''
  return context.json(errorBody('not-found', `there is no ${context.req.method} ${context.req.path}${hint}`), 404)
}

function serve(context: Context, { bytes, contentType, immutable }: Asset): Response {
  return context.body(bytes, 200, {
    'Content-Type': contentType,
    'Cache-Control': immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  })
}
