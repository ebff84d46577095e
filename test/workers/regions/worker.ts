/** A Worker with three regions, where a request may name the one that it is for; all others are for the first. */
import { createRelayWorker, isRegion } from '../../../server/worker.ts'

export { RelayObject } from '../../../server/worker.ts'

export default createRelayWorker({
  regions: ['weur', 'enam', 'apac'],
  region(request) {
    const named = new URL(request.url).searchParams.get('region')
    return isRegion(named) ? named : 'weur'
  },
})
