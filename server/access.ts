/**
 * Which pages and programs may talk to a relay, before anything is known of who uses them: pages that it serves itself or that
 * are named as allowed. Where no permissions are asked for, it is for programs on this machine only, and the Host is checked as
 * well as the Origin, so that a foreign name that is made to resolve to this machine (DNS rebinding) does not turn a foreign page
 * into an own one. Where they are, a page has nothing that it could show without its user.
 */
import { RejoinError } from '../shared/errors.ts'

/** What a request says about where it comes from; `undefined` where it says nothing. */
export interface Caller {
  host: string | undefined
  /** Browsers send it, other programs do not. */
  origin: string | undefined
}

/** Why the caller is not served, `undefined` if it is: `origin-refused`. `guarded`: permissions are asked for. */
export function refusal(caller: Caller, allowedOrigins: ReadonlySet<string>, guarded = false): RejoinError | undefined {
  const host = parse(`http://${caller.host}`)
  if (host === undefined || !(guarded || isLoopbackName(host.hostname))) {
    return new RejoinError(
      'origin-refused',
      `the request is for ${quote(caller.host)}, and this relay serves loopback only`,
    )
  }
  if (caller.origin === undefined || allowedOrigins.has(caller.origin)) return undefined
  const origin = parse(caller.origin)
  if (origin !== undefined && isOwn(origin, host)) return undefined
  return new RejoinError('origin-refused', `the request comes from a page of ${quote(caller.origin)}`)
}

/** A page that this relay serves; all names of loopback are one. */
function isOwn(origin: URL, host: URL): boolean {
  if (origin.port !== host.port) return false
  const areLoopback = isLoopbackName(origin.hostname) && isLoopbackName(host.hostname)
  return areLoopback || (/^https?:$/.test(origin.protocol) && origin.hostname === host.hostname)
}

/** Whether a name or address, as a URL or a `listen` takes it, stands for this machine only. */
export function isLoopbackName(name: string): boolean {
  const address = name
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)
}

/** An origin as browsers send it. Raises `bad-option`. */
export function checkOrigin(origin: string): string {
  const url = parse(origin)
  if (url === undefined || (url.origin !== origin && url.origin !== 'null')) {
    throw new RejoinError('bad-option', `the allowed origin ${quote(origin)} is not like https://app.example.com`)
  }
  return origin
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}

const quote = (text: string | undefined): string => JSON.stringify(text?.slice(0, 200) ?? '')
