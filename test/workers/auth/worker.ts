/** A Worker that asks for tokens, by a secret of its environment. */
import { createRelayWorker } from '../../../server/worker.ts'

export { RelayObject } from '../../../server/worker.ts'

export default createRelayWorker({ auth: ({ SECRET }) => ({ secret: String(SECRET) }) })
