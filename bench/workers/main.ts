/** The Worker of the row `workers`: the relay and, beside it, y-partyserver as its readme has it, both metered. */
import { YServer } from 'y-partyserver'
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs'
import { createRelayWorker, RelayObject as Relay } from '../../server/worker.ts'
import { meter, meterEvents, meterRows, meterTimers } from './meter.ts'

meterTimers()

export class RelayObject extends Relay {
  constructor(ctx: DurableObjectState, env: unknown) {
    meterRows(ctx.storage)
    super(ctx, env)
    meterEvents(this)
  }
}

/** Stores its document as a whole, two seconds after somebody has written at the soonest. */
export class Party extends YServer {
  static override options = { hibernate: true }

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    meterRows(ctx.storage)
    super(ctx, env)
    meterEvents(this)
  }

  override async onLoad(): Promise<Doc | undefined> {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, content BLOB)')
    const [row] = sql.exec('SELECT content FROM documents WHERE id = ?', 'note').toArray()
    if (row === undefined) return undefined
    const doc = new Doc()
    applyUpdate(doc, new Uint8Array(row.content as ArrayBuffer))
    return doc
  }

  override async onSave(): Promise<void> {
    const content = encodeStateAsUpdate(this.document)
    this.ctx.storage.sql.exec('INSERT OR REPLACE INTO documents (id, content) VALUES (?, ?)', 'note', content)
  }
}

const relay = createRelayWorker()

export default {
  fetch(request: Request, env: Record<string, DurableObjectNamespace>) {
    const { pathname } = new URL(request.url)
    if (pathname === '/meter') return Response.json(meter)
    const party = env.PARTY
    const [, room] = /^\/party\/(.+)/.exec(pathname) ?? []
    if (room !== undefined && party !== undefined) return party.get(party.idFromName(room)).fetch(request)
    return relay.fetch(request, env)
  },
}
