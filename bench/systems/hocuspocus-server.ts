/**
 * Hocuspocus' own server, unmodified, as a process: `node hocuspocus-server.ts <port>`. Documents stay while somebody has them
 * open. One bound is raised: by default it cuts a connection that asks for more than 100 documents at once.
 */
import { Server } from '@hocuspocus/server'

const port = Number(process.argv[2])
await new Server({ port, address: '127.0.0.1', quiet: true, maxPendingDocuments: 100_000 }).listen()
