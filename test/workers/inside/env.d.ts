declare namespace Cloudflare {
  interface Env {
    RELAY: DurableObjectNamespace<import('../../../server/worker.ts').RelayObject>
  }
  interface GlobalProps {
    mainModule: typeof import('../../../server/worker-main.ts')
  }
}
