/**
 * The Worker of the row `workers`: the relay, whose objects count the rows that they read and write, and beside it the least that a
 * WebSocket room can be: an object that sends on whatever comes, and stores nothing.
 */
import { DurableObject } from 'cloudflare:workers'
import { createRelayWorker, RelayObject as Relay } from '../../server/worker.ts'

const counts = { read: 0, written: 0 }

export class RelayObject extends Relay {
  constructor(ctx: DurableObjectState, env: unknown) {
    const { sql } = ctx.storage
    const exec = sql.exec.bind(sql)
    const counted = (query: string, ...values: unknown[]) => {
      const cursor = exec(query, ...values)
      const rows = cursor.toArray()
      counts.read += cursor.rowsRead
      counts.written += cursor.rowsWritten
      return Object.assign(rows[Symbol.iterator](), { rowsRead: 0, rowsWritten: 0 })
    }
    Object.defineProperty(sql, 'exec', { configurable: true, value: counted })
    super(ctx, env)
  }
}

export class Room extends DurableObject {
  override fetch(): Response {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    this.ctx.acceptWebSocket(server)
    return new Response(null, { status: 101, webSocket: client })
  }

  override webSocketMessage(from: WebSocket, data: string | ArrayBuffer): void {
    for (const webSocket of this.ctx.getWebSockets()) if (webSocket !== from) webSocket.send(data)
  }
}

const relay = createRelayWorker()

export default {
  fetch(request: Request, env: Record<string, DurableObjectNamespace>) {
    const { pathname } = new URL(request.url)
    // Objects and Worker share an isolate here.
    if (pathname === '/rows') return Response.json(counts)
    const room = env.ROOM
    if (pathname.startsWith('/room/') && room !== undefined) return room.get(room.idFromName(pathname)).fetch(request)
    return relay.fetch(request, env)
  },
}
