/**
 * How relays know each other: every request and every answer carries an HMAC of a shared secret over what it says. A request is
 * good once and for a minute; an answer only for its request. On loopback relays do without. It knows nothing of users.
 */
import type { Environment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { fromHex, toHex } from '../../shared/hash.ts'

/** A secret that a peer shares with this relay. */
export interface PeerSecret {
  secret: string
  /** The only relay that has it; by default all have. */
  address?: string
}

export interface PeerAuth {
  /** The value of the header of a request to this address. */
  sign(address: string, path: string, body: Uint8Array): Promise<string>
  /** Who may be speaking, an address or anybody. Raises `forbidden`. */
  verify(header: string | undefined, path: string, body: Uint8Array): Promise<VerifiedPeer>
  /** Raises `forbidden` where an answer does not come from who was asked. */
  verifyAnswer(address: string, signed: string, header: string | null, body: Uint8Array): Promise<void>
}

export interface VerifiedPeer {
  /** The one address that may speak so; `undefined`: any. */
  address: string | undefined
  /** The value of the header of the answer. */
  signAnswer(body: Uint8Array): Promise<string>
}

/** Shortest secret: what cannot be guessed offline, as 16 random bytes in base64. */
const SECRET_LENGTH_MIN = 20

/** Clocks of relays may be so far apart, and a request so long on its way. */
const REQUEST_MS_MAX = 60_000
/** Requests remembered, so that none counts twice; beyond it the oldest second is forgotten and older requests refused. */
const NONCES_MAX = 200_000
const SCHEME = 'Rejoin-Peer'

const encoder = new TextEncoder()

/** Raises `bad-option` for a secret that is too short. */
export function createPeerAuth(secrets: readonly PeerSecret[], environment: Environment): PeerAuth {
  const keys = secrets.map(({ secret, address }) => {
    if (secret.length < SECRET_LENGTH_MIN) {
      throw new RejoinError('bad-option', `a secret of peers has at least ${SECRET_LENGTH_MIN} characters`)
    }
    return { key: importKey(secret), address }
  })
  /** Requests that came, with their times, in the order of coming. */
  const seen = new Map<string, number>()
  /** What is older was forgotten. */
  let forgottenUntil = 0

  const keyFor = (address: string) =>
    (keys.find((each) => each.address === address) ?? keys.find((each) => !each.address))?.key

  function remember(nonce: string, at: number): void {
    const now = environment.now()
    if (Math.abs(now - at) > REQUEST_MS_MAX || at <= forgottenUntil) throw refused('it is too old, or clocks differ')
    if (seen.has(nonce)) throw refused('it came before')
    seen.set(nonce, at)
    for (const [old, when] of seen) {
      if (seen.size <= NONCES_MAX && now - when <= 2 * REQUEST_MS_MAX) break
      seen.delete(old)
      if (now - when <= REQUEST_MS_MAX) forgottenUntil = Math.max(forgottenUntil, when)
    }
  }

  return {
    async sign(address, path, body) {
      const key = await keyFor(address)
      if (key === undefined) return ''
      const head = `${environment.now()}.${toHex(environment.randomBytes(12))}`
      return `${SCHEME} ${head}.${toHex(await mac(key, `${head}\n${path}\n`, body))}`
    },
    async verify(header, path, body) {
      if (keys.length === 0) return { address: undefined, signAnswer: async () => '' }
      const [, head, at, nonce, signature] =
        /^Rejoin-Peer ((\d{1,16})\.([0-9a-f]{24}))\.([0-9a-f]{64})$/.exec(header ?? '') ?? []
      if (head === undefined || at === undefined || nonce === undefined || signature === undefined) {
        throw refused('it is not signed')
      }
      for (const { key: importing, address } of keys) {
        const key = await importing
        if (!(await isMac(key, signature, `${head}\n${path}\n`, body))) continue
        remember(nonce, Number(at))
        return { address, signAnswer: async (answer) => toHex(await mac(key, `answer\n${signature}\n`, answer)) }
      }
      throw refused('its signature is wrong')
    },
    async verifyAnswer(address, signed, header, body) {
      const key = await keyFor(address)
      if (key === undefined) return
      const signature = signed.slice(signed.lastIndexOf('.') + 1)
      if (
        header !== null &&
        /^[0-9a-f]{64}$/.test(header) &&
        (await isMac(key, header, `answer\n${signature}\n`, body))
      )
        return
      throw new RejoinError('forbidden', 'the answer is not signed by the relay that was asked')
    },
  }
}

const refused = (why: string): RejoinError => new RejoinError('forbidden', `the request of a relay is refused: ${why}`)

const HMAC = { name: 'HMAC', hash: 'SHA-256' }

const importKey = (secret: string) =>
  crypto.subtle.importKey('raw', encoder.encode(secret), HMAC, false, ['sign', 'verify'])

type Key = Awaited<ReturnType<typeof importKey>>

const mac = async (key: Key, head: string, body: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.sign('HMAC', key, signedBytes(head, body)))

/** In constant time. */
const isMac = (key: Key, signature: string, head: string, body: Uint8Array): Promise<boolean> =>
  crypto.subtle.verify('HMAC', key, new Uint8Array(fromHex(signature)), signedBytes(head, body))

function signedBytes(head: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const before = encoder.encode(head)
  const bytes = new Uint8Array(before.length + body.length)
  bytes.set(before)
  bytes.set(body, before.length)
  return bytes
}
