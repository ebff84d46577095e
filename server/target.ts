/** What a request for a WebSocket asks for. */

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
