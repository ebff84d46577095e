/** A Worker with two regions, each in a script of its own, as while a new version goes from place to place. */
import { createRelayWorker, isRegion, RelayObject as Relay, type RelayEnvironment } from '../../../server/worker.ts'

/** The objects of each region under one name. */
function inBoth(env: RelayEnvironment): RelayEnvironment {
  const { WEUR, ENAM } = env as Record<string, DurableObjectNamespace>
  const RELAY = {
    idFromName: (name: string) => name,
    get(name: string, options: DurableObjectNamespaceGetDurableObjectOptions) {
      const namespace = name.startsWith('enam/') ? ENAM : WEUR
      return namespace?.get(namespace.idFromName(name), options)
    },
  }
  return { ...env, RELAY }
}

export class RelayObject extends Relay {
  constructor(ctx: DurableObjectState, env: RelayEnvironment) {
    super(ctx, inBoth(env))
  }
}

const relay = createRelayWorker({
  regions: ['weur', 'enam'],
  region(request) {
    const named = new URL(request.url).searchParams.get('region')
    return isRegion(named) ? named : 'weur'
  },
})

export default { fetch: (request: Request, env: RelayEnvironment) => relay.fetch(request, inBoth(env)) }
