/**
 * Documents over plain requests and from the relay's own program: listed, read, written to and deleted, without a client. A Y.Doc is made
 * for one request that needs one, of a document that is small enough, and dropped. What is read was held against the other relays.
 */
import type * as Y from 'yjs'
import { type Environment, systemEnvironment } from '../../shared/environment.ts'
import { nextEpoch } from '../../shared/epochs.ts'
import { type ErrorCode, RejoinError, toRejoinError } from '../../shared/errors.ts'
import { checkDocumentId, type DocumentId, FIRST_EPOCH } from '../../shared/ids.ts'
import { CONTENT_CHECK_BYTES_MAX } from '../../shared/limits.ts'
import { joinUpdates } from '../../shared/update/join.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { BODY_BYTES_MAX, errorBody } from '../app.ts'
import type { Gate } from '../auth/gate.ts'
import { type Access, OPEN_ACCESS } from '../auth/principal.ts'
import { readBounded } from '../mesh/http.ts'
import type { Refusal, Subscriber } from '../relay/commits.ts'
import { refOf } from '../relay/documents.ts'
import type { Author } from '../relay/ownership.ts'
import type { RelayCore, Visit } from '../relay/relay.ts'
import type { RelayWorkspace } from '../relay/workspace.ts'

export interface Documents {
  /** Answers a request about the documents of a workspace, or about one. Never rejects. */
  answer(workspace: string, document: string | undefined, request: Request): Promise<Response>
  /** Changes a document here, as a relay may; see `Relay.edit`. */
  edit(workspace: string, document: DocumentId, change: (doc: Y.Doc) => void): Promise<void>
}

export interface DocumentsOptions {
  core: Pick<RelayCore, 'visit'>
  /** Who may do what; everybody and everything without it. */
  gate?: Gate | undefined
  environment?: Environment
  /** Bytes of a document up to which it is read as JSON; a Y.Doc takes up to seventy times as many, where nothing in it joins. */
  jsonBytesMax?: number
  report: (error: unknown) => void
}

/** A Y.Doc of the worst of them takes some 280 MB. */
const JSON_BYTES_MAX = 4 * 1024 * 1024

/** Documents in one answer: some 100 bytes each. */
const LIST_MAX = 1_000

const UPDATE_TYPE = 'application/octet-stream'

/** What is not here is no failure of the relay. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  unauthenticated: 401,
  'token-expired': 401,
  forbidden: 403,
  foreign: 403,
  'invalid-id': 404,
  dependency: 409,
  'wrong-epoch': 409,
  'too-big': 413,
  'invalid-update': 422,
  overloaded: 503,
  stopping: 503,
  'storage-full': 507,
}

const bodyOf = ({ body, headers }: Request): Promise<Uint8Array> =>
  readBounded(body, headers.get('Content-Length'), BODY_BYTES_MAX)

export function createDocuments(options: DocumentsOptions): Documents {
  const { core, gate, environment = systemEnvironment, jsonBytesMax = JSON_BYTES_MAX, report } = options

  async function admit(workspace: string, document: string | undefined, request: Request): Promise<Access> {
    if (gate === undefined) return OPEN_ACCESS
    const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
    return gate.admit({ token, workspace, document })
  }

  async function respond(id: string, document: string | undefined, request: Request): Promise<Response> {
    if (document !== undefined) checkDocumentId(document)
    const access = await admit(id, document, request)
    const visit = core.visit(id)
    try {
      if (document === undefined) return request.method === 'GET' ? list(visit, access, request) : notAllowed('GET')
      switch (request.method) {
        case 'GET':
          access.demand('read', document)
          return await read(visit, document, request)
        case 'POST':
          access.demand('write', document)
          write(visit.workspace, document, await bodyOf(request), authorOf(access))
          return new Response(null, { status: 204 })
        case 'DELETE':
          access.demand('write', document)
          return remove(visit.workspace, document)
        default:
          return notAllowed('GET, POST, DELETE')
      }
    } finally {
      visit.leave()
    }
  }

  function list({ workspace }: Visit, access: Access, request: Request): Response {
    const asked = new URL(request.url).searchParams
    const after = asked.get('after') ?? ''
    const most = Math.max(1, Math.min(LIST_MAX, Math.floor(Number(asked.get('limit') ?? LIST_MAX)) || LIST_MAX))
    const documents: { id: string; bytes: number; changedAt: number | undefined }[] = []
    for (const { document: id, vector, bytes, touched } of workspace.documents()) {
      if (id <= after || vector.size === 0 || !access.reads(id)) continue
      // One more than is told shows that there are more.
      if (documents.length === most) return json({ documents, after: documents.at(-1)?.id })
      documents.push({ id, bytes, changedAt: touched })
    }
    return json({ documents })
  }

  async function read({ workspace, replicas }: Visit, id: DocumentId, request: Request): Promise<Response> {
    const { answered, all } = await replicas.read({ document: id, epoch: FIRST_EPOCH, gc: true })
    const headers = { 'Rejoin-Harvest': `${answered}/${all}`, 'Cache-Control': 'no-store' }
    const stored = workspace.document(id)
    if (stored === undefined || stored.vector.size === 0) {
      return json(errorBody('not-found', 'there is no such document'), 404, headers)
    }
    const asUpdate = request.headers.get('accept') === UPDATE_TYPE
    const update = contentOf(workspace, stored, asUpdate ? CONTENT_CHECK_BYTES_MAX : jsonBytesMax)
    if (asUpdate) {
      return new Response(new Uint8Array(update), { headers: { ...headers, 'Content-Type': UPDATE_TYPE } })
    }
    const { toJson, Doc, applyUpdate } = await loadYjs()
    const doc = new Doc()
    try {
      applyUpdate(doc, update)
      return json(toJson(doc), 200, headers)
    } finally {
      doc.destroy()
    }
  }

  function remove(workspace: RelayWorkspace, id: DocumentId): Response {
    const stored = workspace.document(id)
    if (stored === undefined || stored.vector.size === 0) {
      return json(errorBody('not-found', 'there is no such document'), 404)
    }
    settle(workspace, (from) => workspace.bury(from, { ...refOf(stored), epoch: nextEpoch(stored.epoch, environment) }))
    return new Response(null, { status: 204 })
  }

  return {
    async answer(workspace, document, request) {
      try {
        return await respond(workspace, document, request)
      } catch (thrown) {
        const { code, detail } = toRejoinError(thrown, 'storage-failed', 'the relay failed')
        const status = STATUS[code] ?? 500
        if (status === 500) report(thrown)
        return json(errorBody(code, status === 500 ? 'the relay failed; see its log' : detail), status)
      }
    },
    async edit(id, document, change) {
      checkDocumentId(document)
      const { Doc, applyUpdate } = await loadYjs()
      const { workspace, leave } = core.visit(id)
      const stored = workspace.document(document)
      const doc = new Doc({ gc: stored?.gc ?? true })
      try {
        if (stored !== undefined && stored.vector.size > 0)
          applyUpdate(doc, contentOf(workspace, stored, CONTENT_CHECK_BYTES_MAX))
        const updates: Uint8Array[] = []
        doc.on('update', (update: Uint8Array) => void updates.push(update))
        doc.transact(() => change(doc))
        if (updates.length > 0) write(workspace, document, joinUpdates(updates))
      } finally {
        doc.destroy()
        leave()
      }
    },
  }
}

/** Loaded when it is first needed: a relay works on bytes, and an object on Workers starts anew whenever it wakes. */
const loadYjs = () => import('./json-view.ts')

/** Durable when it returns. Raises what the update is refused with. */
function write(workspace: RelayWorkspace, document: DocumentId, bytes: Uint8Array, author?: Author): void {
  const stored = workspace.document(document)
  const where = stored === undefined ? { document, epoch: FIRST_EPOCH, gc: true } : refOf(stored)
  settle(workspace, (from) => workspace.submit(from, where, { kind: 'yjs-v1', bytes }, 1), author)
}

function settle(workspace: RelayWorkspace, act: (from: Subscriber) => void, author?: Author): void {
  let refused: Refusal | undefined
  const from: Subscriber = {
    author,
    committed() {},
    refused: (refusal) => {
      refused = refusal
    },
  } as Subscriber
  act(from)
  workspace.flush()
  if (refused !== undefined) throw new RejoinError(refused.code, refused.detail)
}

/** Who speaks for others, as admins do, writes in nobody's name. */
const authorOf = (access: Access): Author | undefined =>
  access.may('admin') ? undefined : { owner: access.owner, begins: () => true }

/** All of a document as one Yjs update. Raises `too-big`. */
function contentOf(workspace: RelayWorkspace, where: DocumentRef, bytesMax: number): Uint8Array {
  const updates: Uint8Array[] = []
  let bytes = 0
  for (const update of workspace.content(where)) {
    updates.push(update)
    bytes += update.length
    if (bytes > bytesMax) {
      throw new RejoinError('too-big', `the document is more than ${bytesMax} bytes: open it with a client`)
    }
  }
  return joinUpdates(updates)
}

const json = (body: object, status = 200, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers: { 'Cache-Control': 'no-store', ...headers } })

const notAllowed = (allowed: string): Response => new Response(null, { status: 405, headers: { Allow: allowed } })
