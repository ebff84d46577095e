/**
 * `createRelayWorker`: what stands before the relay objects on Cloudflare. It looks at who comes and from where, and hands what is
 * about a workspace, WebSockets and plain requests, to its object in the nearest region; the rest are routes that need no object.
 */
import { systemEnvironment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { checkWorkspaceId } from '../../shared/ids.ts'
import { checkOrigin, refusal } from '../access.ts'
import { createApp, errorBody, type HttpCode } from '../app.ts'
import { atMostOften, createLog, errorFields } from '../log.ts'
import { readBounded } from '../mesh/http.ts'
import { parseTarget, workspaceOf } from '../target.ts'
import { VERSION } from '../version.ts'
import type { RelayObject } from './durable-object.ts'
import { authenticateOf, namespaceOf, type ObjectOptions, regionsOf, setObjectOptions } from './object-options.ts'
import { nearestRegion, objectName, type Region, type VisitorPlace } from './regions.ts'

export interface RelayWorkerOptions extends ObjectOptions {
  /** The region that a request is for; by default, and where it says none, the one nearest to the visitor. */
  region?: (request: Request) => Region | undefined
}

/** What is used of a Worker's environment: the namespace of the relay objects under the name of the binding. */
export type RelayEnvironment = Readonly<Record<string, unknown>>

export interface RelayWorker {
  fetch(request: Request, environment: RelayEnvironment): Response | Promise<Response>
  /**
   * Tokens of this subject that were made until now count no more in a workspace, in any of its regions, and connections that came with
   * one are cut. Resolves when all regions keep it; until then call it again. Rejects with `bad-option` where nobody is asked for a token,
   * `invalid-id`, and `timeout` where a region cannot be reached: the others have taken it.
   */
  revoke(environment: RelayEnvironment, workspace: string, subject: string): Promise<void>
}

const COUNTED_BY_PLATFORM =
  'a Worker counts nothing across its objects: see docs/deploy-workers.md for what the platform counts'

/** What a Node relay has and this has not. */
const UNSUPPORTED = {
  '/metrics': COUNTED_BY_PLATFORM,
  '/mesh': COUNTED_BY_PLATFORM,
  '/exchange': 'regions of a Worker talk to each other, and to no other relays',
}

/** Call it once, at the top of the script: what it is told holds for the relay objects too. Raises `bad-option`. */
export function createRelayWorker(options: RelayWorkerOptions = {}): RelayWorker {
  const regions = regionsOf(options)
  const allowedOrigins = new Set(options.allowedOrigins?.map(checkOrigin))
  setObjectOptions(options)
  const log = atMostOften(
    createLog({ write: (line) => console.error(line), human: false, now: systemEnvironment.now }),
    systemEnvironment.now,
  )
  const report = (error: unknown) => log('error', 'internal error', errorFields(error))
  const apps = [false, true].map((guarded) =>
    createApp({ version: VERSION, allowedOrigins, guarded, unsupported: UNSUPPORTED, ready: () => true, report }),
  )
  const isGuarded = (environment: RelayEnvironment): boolean =>
    authenticateOf(options, environment, systemEnvironment.now) !== undefined

  /** Hands a request to the object of its workspace; to that of another region, where the nearest cannot be reached. */
  async function hand(request: Request, workspace: string, environment: RelayEnvironment): Promise<Response> {
    const wanted = options.region?.(request)
    const isKnown = wanted !== undefined && regions.includes(wanted)
    const nearest = isKnown ? wanted : nearestRegion((request.cf ?? {}) as VisitorPlace, regions)
    const namespace = namespaceOf<DurableObjectNamespace>(environment, options)
    const body =
      request.body === null ? undefined : await readBounded(request.body, request.headers.get('Content-Length'))
    let failure: unknown
    // The nearest twice: an object that has just ended is there again at once, and a stub that saw it end is no use.
    for (const region of [nearest, nearest, ...regions.filter((other) => other !== nearest)]) {
      try {
        const id = namespace.idFromName(objectName(region, workspace))
        const handed = body === undefined ? request : new Request(request, { body })
        return await namespace.get(id, { locationHint: region }).fetch(handed)
      } catch (error) {
        failure = error
        report(error)
        if (!isRepeatable(request)) break
      }
    }
    throw failure
  }

  /** What is about a workspace. */
  async function visit(request: Request, environment: RelayEnvironment, workspace: string): Promise<Response> {
    const { host } = new URL(request.url)
    const origin = request.headers.get('Origin') ?? undefined
    const refused = refusal({ host, origin }, allowedOrigins, isGuarded(environment))
    if (refused !== undefined) return deny(403, refused.code, refused.detail)
    try {
      checkWorkspaceId(workspace)
      return await hand(request, workspace, environment)
    } catch (error) {
      if (!(error instanceof RejoinError)) report(error)
      const { code, detail } = toRejoinError(error, 'overloaded', 'the relay cannot be reached')
      const status = code === 'invalid-id' ? 404 : code === 'too-big' ? 413 : 503
      return deny(status, code, detail)
    }
  }

  return {
    fetch(request, environment) {
      const { pathname } = new URL(request.url)
      const isSocket = request.headers.get('Upgrade')?.toLowerCase() === 'websocket'
      const workspace = isSocket ? parseTarget(pathname)?.workspace : workspaceOf(pathname)
      // A page that asks whether it may ask is answered without waking anybody.
      if (workspace !== undefined && request.method !== 'OPTIONS') return visit(request, environment, workspace)
      if (isSocket) return deny(404, 'not-found', 'there is no such path for WebSockets')
      return apps[isGuarded(environment) ? 1 : 0]?.fetch(request) ?? deny(404, 'not-found', 'there is no such path')
    },
    async revoke(environment, workspace, subject) {
      if (!isGuarded(environment)) throw new RejoinError('bad-option', 'this relay asks nobody for a token')
      checkWorkspaceId(workspace)
      const namespace = namespaceOf<DurableObjectNamespace<RelayObject>>(environment, options)
      const told = await Promise.allSettled(
        regions.map((region) => {
          const id = namespace.idFromName(objectName(region, workspace))
          return namespace.get(id, { locationHint: region }).revoke(subject)
        }),
      )
      const missed = regions.filter((_, i) => told[i]?.status === 'rejected')
      if (missed.length > 0) throw new RejoinError('timeout', `not reached: the regions ${missed.join(', ')}`)
    },
  }
}

/** Whether it may be done twice: the frames of a polled session are numbered. */
const isRepeatable = ({ method, url }: Request): boolean =>
  method === 'GET' || method === 'HEAD' || new URL(url).pathname.startsWith('/exchange/')

function deny(status: 403 | 404 | 413 | 503, code: HttpCode, message: string): Response {
  const headers = status === 503 ? { 'Retry-After': '5' } : undefined
  return Response.json(errorBody(code, message), { status, headers })
}
