/**
 * The key to a notebook whose relay asks for one: a token, which comes in the fragment of a link (`#note/…?token=…`, so that no server and
 * no log sees it) or is put in by hand. It is kept in this browser, and taken out of the address at once.
 */
import { workspaceInAddress } from './address.ts'

const storedUnder = (): string => `fieldnotes.key ${workspaceInAddress()}`
/** More is no token; relays take none that is longer. */
const TOKEN_LENGTH_MAX = 8_192

/** The key of this notebook; empty where there is none. */
export function ownKey(): string {
  try {
    return localStorage.getItem(storedUnder()) ?? ''
  } catch {
    return ''
  }
}

/** Keeps another key, or none; false where the browser keeps nothing. */
export function keepKey(key: string): boolean {
  try {
    if (key === '') localStorage.removeItem(storedUnder())
    else localStorage.setItem(storedUnder(), key.slice(0, TOKEN_LENGTH_MAX))
    return true
  } catch {
    return false
  }
}

/** Takes a key out of the address, so that it is neither shared nor seen; true where there was a new one. */
export function takeKeyFromAddress(): boolean {
  const [note = '', query] = location.hash.split('?')
  const key = new URLSearchParams(query).get('token')
  if (key === null) return false
  history.replaceState(history.state, '', note === '' ? location.pathname + location.search : note)
  return key !== ownKey() && keepKey(key)
}

/** Whom a key is for, so that what one wrote is not sent in the name of another; `demo` for who has none. */
export function userOf(key: string): string {
  try {
    const [, claims = ''] = key.split('.')
    const { sub }: { sub?: unknown } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')))
    return typeof sub === 'string' && sub !== '' ? sub : 'demo'
  } catch {
    return 'demo'
  }
}
