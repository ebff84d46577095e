/** What a request for a WebSocket asks for, and what it shows. */

export type Target =
  | { protocol: 'sync'; workspace: string }
  | { protocol: 'y-websocket'; workspace: string; document: string }

/**
 * The target of a path: `/sync/<workspace>` or `/y/<workspace>/<document>`, where the document id is all that follows,
 * slashes included; `undefined` for any other. The query is no part of it. Ids may be empty or unfit: that is for others
 * to tell.
 */
export function parseTarget(url: string): Target | undefined {
  const path = url.split(/[?#]/, 1)[0] ?? ''
  const [, sync] = /^\/sync\/([^/]*)$/.exec(path) ?? []
  if (sync !== undefined) return { protocol: 'sync', workspace: decode(sync) }
  const [, workspace, document] = /^\/y\/([^/]*)(?:\/(.*))?$/.exec(path) ?? []
  if (workspace === undefined) return undefined
  return { protocol: 'y-websocket', workspace: decode(workspace), document: decode(document ?? '') }
}

/** The workspace that a path of plain requests is about, `/v1/workspaces/<workspace>/...` or `/exchange/<workspace>`. */
export function workspaceOf(path: string): string | undefined {
  const [, workspace] = /^\/(?:v1\/workspaces|exchange)\/([^/]+)/.exec(path) ?? []
  return workspace && decode(workspace)
}

/** The subprotocol that a stock client names beside its token: one of those offered has to be chosen. */
export const SUBPROTOCOL = 'rejoin'
/** Stands before the token, which becomes a subprotocol so. */
const TOKEN_SUBPROTOCOL = 'token.'

/** What shows a token where only subprotocols can be given. */
export const tokenProtocols = (token: string): string[] => [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token]

/**
 * What a stock client shows: a token as a subprotocol, since browsers can put it nowhere else, or a ticket in the address.
 * A token in the address counts for nothing: addresses end up in logs.
 */
export function shownToken(url: string, subprotocols: string | null | undefined): string {
  const offered = subprotocols?.split(',').map((name) => name.trim()) ?? []
  const token = offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL))
  if (token !== undefined) return token.slice(TOKEN_SUBPROTOCOL.length)
  return new URLSearchParams(url.split('?', 2)[1] ?? '').get('ticket') ?? ''
}

/**
 * Percent-decoding of what a client may have left half encoded: WebsocketProvider puts the room's name into the URL as it
 * is, which encodes spaces and letters but not `%`. So a `%` that begins no encoded text stands for itself.
 */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  })
}
