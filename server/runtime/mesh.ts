/** A Node relay's part in a mesh: exchanges over HTTP, roots in its data folder, one secret for all peers or one for each. */
import { createHash } from 'node:crypto'
import { systemEnvironment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { CHECKSUM_KEY, type HashKey } from '../../shared/hash.ts'
import { ADDRESS_BYTES_MAX } from '../../shared/limits.ts'
import { isLoopbackName } from '../access.ts'
import type { Log } from '../log.ts'
import { createPeerAuth, type PeerSecret } from '../mesh/auth.ts'
import { createExchangeHandler, createHttpTransport } from '../mesh/http.ts'
import { createMesh, type Mesh, type MeshView } from '../mesh/mesh.ts'
import type { RevocationStore } from '../mesh/revoking.ts'
import { createMemoryRootStore } from '../mesh/roots.ts'
import type { RelayCore } from '../relay/relay.ts'
import type { DataFolder } from './data-folder.ts'

export interface NodeMesh {
  attach: Mesh['attach']
  exchange(workspace: string | undefined, request: Request): Promise<Response>
  /** Peers are to hear of something now. */
  hurry(): void
  /** The relay listens at this URL: it begins to talk to its peers. */
  start(url: string): void
  view(): MeshView
  close(): void
}

export interface NodeMeshOptions {
  peers: readonly (string | { url: string; secret: string })[]
  peerSecret?: string
  advertise?: string
  core: RelayCore
  folder?: DataFolder
  revocations?: RevocationStore
  report: (error: unknown) => void
  log: Log
}

/** Raises `bad-option` for addresses and secrets that cannot be used. */
export function createNodeMesh(options: NodeMeshOptions): NodeMesh {
  const { core, folder, peerSecret, report, log } = options
  const peers = options.peers.map((peer) => (typeof peer === 'string' ? { url: peer, secret: undefined } : peer))
  const secrets: PeerSecret[] = peers.flatMap(({ url, secret }) =>
    secret === undefined ? [] : [{ secret, address: checkAddress(url, true) }],
  )
  if (peerSecret !== undefined) secrets.push({ secret: peerSecret })
  const auth = createPeerAuth(secrets, systemEnvironment)
  let address = options.advertise === undefined ? '' : checkAddress(options.advertise, secrets.length > 0)
  const mesh = createMesh({
    peers: peers.map(({ url, secret }) => checkAddress(url, (secret ?? peerSecret) !== undefined)),
    address: () => address,
    transport: createHttpTransport(auth),
    key: peerSecret === undefined ? CHECKSUM_KEY : keyOf(peerSecret),
    roots: folder?.openRoots() ?? createMemoryRootStore(),
    environment: systemEnvironment,
    revocations: options.revocations,
    enter: core.use,
    stored: () => (folder?.files() ?? []).map(([workspace]) => workspace),
    report,
    noted: (event, fields) => log('info', event, fields),
  })
  const exchange = createExchangeHandler({
    answer: mesh.answer,
    auth,
    refused({ code, detail }) {
      mesh.counters.refused++
      log('info', 'peer refused', { code, message: detail })
    },
  })
  return {
    attach: mesh.attach,
    exchange,
    start(url) {
      if (address === '') address = url
      mesh.start()
    },
    hurry: mesh.hurry,
    view: mesh.view,
    close: mesh.close,
  }
}

/** An address without a slash at its end. Raises `bad-option`. */
function checkAddress(text: string, signed: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new RejoinError('bad-option', `${JSON.stringify(text)} is no address of a relay such as http://10.0.0.2:8787`)
  }
  if (!signed && !isLoopbackName(url.hostname)) {
    throw new RejoinError('bad-option', `relays beyond this machine, as ${text}, need a secret that they share`)
  }
  const address = url.href.replace(/\/$/, '')
  if (address.length > ADDRESS_BYTES_MAX) throw new RejoinError('bad-option', `the address ${text} is too long`)
  return address
}

/** Workspaces are compared under a key that follows from the secret, which nobody who writes documents knows. */
function keyOf(secret: string): HashKey {
  const hash = createHash('sha256').update(`rejoin mesh key\0${secret}`).digest()
  return [hash.readUInt32LE(0), hash.readUInt32LE(4), hash.readUInt32LE(8), hash.readUInt32LE(12)]
}
