/** The Worker of this repository's own `wrangler.toml`: the relay and, as static assets, the demo. */
import { createRelayWorker } from './worker.ts'

export { RelayObject } from './worker.ts'

export default createRelayWorker()
