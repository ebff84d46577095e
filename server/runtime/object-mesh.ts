/**
 * A relay object among those of the same workspace in other regions. Each is a peer of a workspace's mesh, reached by a call of
 * the platform; what is particular is that nobody beats: a region is asked when something was written, when somebody comes to an
 * object that was asleep for long, and by the alarm. A region that nobody has ever used says so, and is left alone until it
 * asks by itself.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { hash64 } from '../../shared/hash.ts'
import { EXCHANGE_MS_MAX } from '../mesh/bounds.ts'
import { createBreaker } from '../mesh/breaker.ts'
import type { Peer } from '../mesh/port.ts'
import { createWorkspaceMesh, type WorkspaceMesh } from '../mesh/workspace-mesh.ts'
import type { Replicas } from '../relay/replicas.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'
import type { Region } from './regions.ts'

export interface ObjectMesh {
  /** Whether any other region is known to be in use, or may be. */
  readonly hasPeers: boolean
  attach(workspace: RelayWorkspace): Replicas
  /** The answer to the request of another region, which is in use from now on. Never throws. */
  answer(from: Region, request: Uint8Array): Uint8Array
  /** Compares everything with all regions in use; resolves to whether all of them answered. */
  compare(): Promise<boolean>
}

export interface ObjectMeshOptions {
  /** The other regions. */
  regions: readonly Region[]
  /** Regions that said that nobody has used them. It is kept, and handed in again. */
  unused: readonly Region[]
  keep(unused: readonly Region[]): void
  /** Hands a request to the object of a region; `undefined` where nobody has used that. */
  call(region: Region, request: Uint8Array): Promise<Uint8Array | undefined>
  environment: Environment
  trouble(region: string, error: RejoinError): void
  report(error: unknown): void
}

export function createObjectMesh(options: ObjectMeshOptions): ObjectMesh {
  const { regions, keep, call, environment, trouble, report } = options
  const relay = hash64(environment.randomBytes(16))
  const unused = new Set(options.unused)
  const breakers = new Map(regions.map((region) => [region, createBreaker(environment)]))
  let mesh: WorkspaceMesh | undefined

  const inUse = (): Region[] => regions.filter((region) => !unused.has(region))

  function peerOf(region: Region): Peer {
    const breaker = breakers.get(region) ?? createBreaker(environment)
    return {
      name: region,
      get reachable() {
        return breaker.state !== 'open'
      },
      mayRetry: () => breaker.mayRetry(),
      async exchange(request) {
        try {
          const answer = await within(environment, call(region, request))
          breaker.succeeded()
          if (answer !== undefined) return answer
        } catch (error) {
          breaker.failed()
          throw toRejoinError(error, 'timeout', `the region ${region} does not answer`)
        }
        setUnused(region, true)
        mesh?.leave(region)
        throw new RejoinError('closed', `nobody uses the region ${region}`)
      },
    }
  }

  function setUnused(region: Region, is: boolean): void {
    if (unused.has(region) === is) return
    if (is) unused.add(region)
    else unused.delete(region)
    keep([...unused])
  }

  return {
    get hasPeers() {
      return inUse().length > 0
    },
    attach(workspace) {
      const attached = createWorkspaceMesh({ workspace, relay, environment, trouble, report })
      for (const region of inUse()) attached.join(peerOf(region))
      mesh = attached
      return attached
    },
    answer(from, request) {
      if (mesh === undefined) throw new Error('the workspace is not open')
      if (regions.includes(from)) {
        setUnused(from, false)
        breakers.get(from)?.hurry()
        mesh.join(peerOf(from))
        mesh.resume(from)
      }
      return mesh.answer(request)
    },
    async compare() {
      const asked = inUse()
      for (const region of asked) breakers.get(region)?.hurry()
      const done = await Promise.all(asked.map((region) => mesh?.compare(region) ?? false))
      return asked.every((region, i) => done[i] === true || unused.has(region))
    },
  }
}

/** Raises `timeout`. */
async function within<R>(environment: Environment, answer: Promise<R>): Promise<R> {
  const { promise, reject } = Promise.withResolvers<never>()
  const cancel = environment.setTimer(
    () => reject(new RejoinError('timeout', `no answer within ${EXCHANGE_MS_MAX} ms`)),
    EXCHANGE_MS_MAX,
  )
  try {
    return await Promise.race([answer, promise])
  } finally {
    cancel()
  }
}
