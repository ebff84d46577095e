/**
 * `createRelayWorker`: what stands before the relay objects on Cloudflare. It looks at who comes and from where, and hands
 * WebSockets to the object of their workspace in the nearest region; everything else is the routes that every relay has.
 */
import { systemEnvironment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { checkWorkspaceId } from '../../shared/ids.ts'
import { checkOrigin, refusal } from '../access.ts'
import { createApp, errorBody, type HttpCode } from '../app.ts'
import { atMostOften, createLog, errorFields } from '../log.ts'
import { parseTarget } from '../target.ts'
import { VERSION } from '../version.ts'
import { authenticateOf, namespaceOf, type ObjectOptions, regionsOf, setObjectOptions } from './object-options.ts'
import { nearestRegion, objectName, type Region, type VisitorPlace } from './regions.ts'

export interface RelayWorkerOptions extends ObjectOptions {
  /** The region that a request is for; by default, and where it says none, the one nearest to the visitor. */
  region?: (request: Request) => Region | undefined
  /** Origins of pages that may connect beside the Worker's own, as `https://app.example.com`. */
  allowedOrigins?: readonly string[]
}

/** What is used of a Worker's environment: the namespace of the relay objects under the name of the binding. */
export type RelayEnvironment = Readonly<Record<string, unknown>>

export interface RelayWorker {
  fetch(request: Request, environment: RelayEnvironment): Response | Promise<Response>
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
    createApp({ version: VERSION, allowedOrigins, guarded, ready: () => true, report }),
  )
  const isGuarded = (environment: RelayEnvironment): boolean =>
    authenticateOf(options, environment, systemEnvironment.now) !== undefined

  /** Hands a WebSocket to the object of its workspace; to that of another region, where the nearest cannot be reached. */
  async function connect(request: Request, environment: RelayEnvironment): Promise<Response> {
    const { pathname, host } = new URL(request.url)
    const origin = request.headers.get('Origin') ?? undefined
    const refused = refusal({ host, origin }, allowedOrigins, isGuarded(environment))
    if (refused !== undefined) return deny(403, refused.code, refused.detail)
    const target = parseTarget(pathname)
    if (target === undefined) return deny(404, 'not-found', 'there is no such path for WebSockets')
    checkWorkspaceId(target.workspace)
    const wanted = options.region?.(request)
    const isKnown = wanted !== undefined && regions.includes(wanted)
    const nearest = isKnown ? wanted : nearestRegion((request.cf ?? {}) as VisitorPlace, regions)
    const namespace = namespaceOf<DurableObjectNamespace>(environment, options)
    let failure: unknown
    // The nearest twice: an object that has just ended is there again at once, and a stub that saw it end is no use.
    for (const region of [nearest, nearest, ...regions.filter((other) => other !== nearest)]) {
      try {
        const id = namespace.idFromName(objectName(region, target.workspace))
        return await namespace.get(id, { locationHint: region }).fetch(request)
      } catch (error) {
        failure = error
        report(error)
      }
    }
    throw failure
  }

  return {
    async fetch(request, environment) {
      if (request.headers.get('Upgrade')?.toLowerCase() !== 'websocket') {
        return apps[isGuarded(environment) ? 1 : 0]?.fetch(request) ?? deny(404, 'not-found', 'there is no such path')
      }
      try {
        return await connect(request, environment)
      } catch (error) {
        if (!(error instanceof RejoinError)) report(error)
        const { code, detail } = toRejoinError(error, 'overloaded', 'the relay cannot be reached')
        return code === 'invalid-id' ? deny(404, code, detail) : deny(503, code, detail)
      }
    },
  }
}

function deny(status: 403 | 404 | 503, code: HttpCode, message: string): Response {
  const headers = status === 503 ? { 'Retry-After': '5' } : undefined
  return Response.json(errorBody(code, message), { status, headers })
}
