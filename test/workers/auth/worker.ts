/** A Worker that asks for tokens, by a secret of its environment, and where a request turns somebody out. */
import { createRelayWorker } from '../../../server/worker.ts'

export { RelayObject } from '../../../server/worker.ts'

const relay = createRelayWorker({
  regions: ['weur', 'enam'],
  region: ({ url }) => (new URL(url).searchParams.get('region') === 'enam' ? 'enam' : 'weur'),
  auth: ({ SECRET }) => ({ secret: String(SECRET) }),
})

export default {
  async fetch(request: Request, env: Record<string, unknown>) {
    const { pathname } = new URL(request.url)
    const [, workspace, subject] = /^\/revoke\/(.+)\/(.+)$/.exec(pathname) ?? []
    if (workspace === undefined || subject === undefined) return relay.fetch(request, env)
    await relay.revoke(env, workspace, subject)
    return new Response(null, { status: 204 })
  },
}
