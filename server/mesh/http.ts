/** Exchanges over HTTP: `POST /exchange` across workspaces, `POST /exchange/<workspace>` about one. Connections are kept alive. */
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { EXCHANGE_BYTES_MAX } from '../../shared/limits.ts'
import type { PeerAuth } from './auth.ts'
import { EXCHANGE_MS_MAX } from './bounds.ts'
import type { MeshTransport } from './mesh.ts'

/** What tells an exchange between relays from anything else that may be posted there. */
const EXCHANGE_TYPE = 'application/vnd.rejoin.exchange'
const ANSWER_SIGNATURE = 'Rejoin-Peer-Signature'

const pathOf = (workspace: string | undefined): string =>
  workspace === undefined ? '/exchange' : `/exchange/${encodeURIComponent(workspace)}`

/** Reaches other relays by `fetch`. */
export function createHttpTransport(auth: PeerAuth): MeshTransport {
  return async (address, workspace, request) => {
    const path = pathOf(workspace)
    const signed = await auth.sign(address, path, request)
    const response = await post(`${address}${path}`, request, signed)
    if (response.status !== 200) throw await failureOf(response)
    const answer = await readBounded(response.body, response.headers.get('Content-Length'))
    await auth.verifyAnswer(address, signed, response.headers.get(ANSWER_SIGNATURE), answer)
    return answer
  }
}

async function post(url: string, request: Uint8Array, signed: string): Promise<Response> {
  const headers = { 'Content-Type': EXCHANGE_TYPE, ...(signed === '' ? {} : { Authorization: signed }) }
  try {
    const signal = AbortSignal.timeout(EXCHANGE_MS_MAX)
    return await fetch(url, {
      method: 'POST',
      body: request as Uint8Array<ArrayBuffer>,
      headers,
      signal,
      redirect: 'error',
    })
  } catch (error) {
    throw unreachable(error)
  }
}

const unreachable = (error: unknown): RejoinError => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new RejoinError('timeout', cause instanceof Error ? cause.message : String(cause))
}

async function failureOf(response: Response): Promise<RejoinError> {
  const detail = `the peer answers with ${response.status}`
  await response.body?.cancel().catch(() => {})
  switch (response.status) {
    case 401:
    case 403:
      return new RejoinError('forbidden', detail)
    case 413:
      return new RejoinError('too-big', detail)
    case 429:
    case 503:
      return new RejoinError('overloaded', detail)
    default:
      return new RejoinError('timeout', detail)
  }
}

export interface ExchangeHandlerOptions {
  /** The answer to a request; `from`: the only address that may speak so, where that is known. Never throws. */
  answer(workspace: string | undefined, request: Uint8Array, from: string | undefined): Uint8Array
  auth: PeerAuth
  /** A request was refused before it was read. */
  refused(error: RejoinError): void
}

/** Answers a request for `/exchange`. Never rejects. */
export function createExchangeHandler({ answer, auth, refused }: ExchangeHandlerOptions) {
  return async (workspace: string | undefined, request: Request): Promise<Response> => {
    try {
      const body = await readBounded(request.body, request.headers.get('Content-Length'))
      const signed = request.headers.get('Authorization') ?? undefined
      const peer = await auth.verify(signed, pathOf(workspace), body)
      const answered = answer(workspace, body, peer.address)
      const signature = await peer.signAnswer(answered)
      return new Response(answered as Uint8Array<ArrayBuffer>, {
        headers: { 'Content-Type': EXCHANGE_TYPE, ...(signature === '' ? {} : { [ANSWER_SIGNATURE]: signature }) },
      })
    } catch (thrown) {
      const error = toRejoinError(thrown, 'bad-frame', 'the request broke off')
      refused(error)
      const status = error.code === 'too-big' ? 413 : error.code === 'forbidden' ? 403 : 400
      return Response.json({ error: { code: error.code, message: error.message } }, { status })
    }
  }
}

/** A body as bytes. Raises `too-big` beyond `bytesMax`, `timeout` where it breaks off. */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  length: string | null,
  bytesMax = EXCHANGE_BYTES_MAX,
): Promise<Uint8Array> {
  const tooBig = () => new RejoinError('too-big', `a body of more than ${bytesMax} bytes`)
  if (Number(length ?? 0) > bytesMax) throw tooBig()
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (const reader = body?.getReader(); reader !== undefined; ) {
      const { done, value } = await reader.read()
      if (done) break
      size += value.length
      if (size > bytesMax) {
        await reader.cancel()
        throw tooBig()
      }
      chunks.push(value)
    }
  } catch (error) {
    throw error instanceof RejoinError ? error : unreachable(error)
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
