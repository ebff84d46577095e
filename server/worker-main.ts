/** The Worker of this repository's own `wrangler.toml`: the relay and, as static assets, the demo. */
import { createRelayWorker } from './worker.ts'

export { RelayObject } from './worker.ts'

export default createRelayWorker({
  // `wrangler secret put REJOIN_AUTH_SECRET`; without it only loopback is served.
  auth: ({ REJOIN_AUTH_SECRET: secret }) => (typeof secret === 'string' && secret !== '' ? { secret } : undefined),
})
