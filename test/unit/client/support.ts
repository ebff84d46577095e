/** Clients of a relay in this process, over real sockets, as the tests of the client use them. */
import { expect } from 'vitest'
import * as Y from 'yjs'
import type { DocumentHandle } from '../../../client/document.ts'
import type { ReplicaStore } from '../../../client/replica/store.ts'
import { type Branch, openWorkspace, type Workspace, type WorkspaceOptions } from '../../../client/workspace.ts'
import { createRelay, type RelayOptions } from '../../../server/index.ts'
import { type Environment, systemEnvironment } from '../../../shared/environment.ts'
import { createNetwork, type Network } from '../../support/network.ts'
import { createOwnStore } from '../../support/stores.ts'
import { cleanUp, type RunningRelay, until } from '../server/support.ts'

/** An error with this code. */
export const coded = (code: string): unknown => expect.objectContaining({ name: 'RejoinError', code })

/** Text that no compression makes much shorter, the same each time. */
export function noise(length: number): string {
  let state = 1
  const next = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return String.fromCharCode(33 + ((state >> 16) % 90))
  }
  return Array.from({ length }, next).join('')
}

/** Tries again without a pause: chance gives ids of 8 bytes, and jitter of 4. */
export const impatient: Environment = {
  ...systemEnvironment,
  randomBytes: (length) => (length === 4 ? new Uint8Array(4) : systemEnvironment.randomBytes(length)),
}

/** Options of a workspace over a network of its own, that tries again without a pause. */
export const impatientNetwork = () => ({ dial: createNetwork().dial, environment: impatient })

export interface Client {
  workspace: Workspace
  network: Network
  /** What was reported, and nobody waited for. */
  errors: unknown[]
  branches: Branch[]
  forks: string[]
  open(id?: string): Note
}

/** An open document with a text to type into. */
export interface Note extends DocumentHandle {
  text: Y.Text
  type(text: string): void
  read(): string
}

/** A relay at the address of one that was closed. */
export async function startRelayAt(url: string, options: RelayOptions & { data: string }): Promise<RunningRelay> {
  const errors: unknown[] = []
  const log: RelayOptions['log'] = (level, event, fields) => {
    if (level === 'error') errors.push({ event, ...fields })
  }
  const relay = createRelay({ log, ...options })
  cleanUp(() => relay.close())
  await relay.listen(Number(new URL(url).port))
  return { relay, url, socketUrl: url.replace('http', 'ws'), data: options.data, errors, told: [] }
}

let people = 0

/** A client in the workspace `acme` of a relay. */
export async function startClient(
  relay: Pick<RunningRelay, 'socketUrl'> | undefined,
  options: Partial<WorkspaceOptions> = {},
): Promise<Client> {
  const network = createNetwork()
  const workspace = await openWorkspace({
    // Tabs of one user share a channel: these are different people, unless a test says otherwise.
    user: `person ${people++}`,
    id: 'acme',
    relays: relay === undefined ? [] : [relay.socketUrl],
    storage: createOwnStore(),
    environment: impatient,
    dial: network.dial,
    ...options,
  })
  cleanUp(() => workspace.close())
  const client: Client = {
    workspace,
    network,
    errors: [],
    branches: [],
    forks: [],
    open: (id = 'note') => toNote(workspace.open(id)),
  }
  workspace.on('error', (error) => client.errors.push(error))
  workspace.on('refused', (branch) => client.branches.push(branch))
  workspace.on('forked', ({ document }) => client.forks.push(document))
  return client
}

export function toNote(handle: DocumentHandle): Note {
  const text = handle.doc.getText('text')
  const { id, doc, status, whenLoaded, whenSynced, saved, init, close } = handle
  return {
    id,
    doc,
    status,
    whenLoaded,
    whenSynced,
    saved,
    init,
    close,
    // Made at first use: not here.
    get awareness() {
      return handle.awareness
    },
    text,
    type: (added) => text.insert(text.length, added),
    read: () => text.toString(),
  }
}

export async function isSynced(...clients: readonly Client[]): Promise<void> {
  for (const { workspace } of clients) {
    await until(
      `a client is synced, but: ${JSON.stringify(workspace.status.get())}`,
      () => workspace.status.get().connection === 'synced',
    )
  }
}

/** Waits until all notes read the same; `expected`, if given. */
export async function allRead(notes: readonly { read(): string }[], expected?: string): Promise<void> {
  try {
    await until('', () => notes.every((note) => note.read() === (expected ?? notes[0]?.read())))
  } catch {
    const texts = JSON.stringify(notes.map((note) => note.read())).slice(0, 400)
    throw new Error(`The texts do not become ${expected === undefined ? 'equal' : JSON.stringify(expected)}: ${texts}`)
  }
}

/** What a client that comes for the first time reads: what the relay holds. */
export async function readAtRelay(relay: RunningRelay, id = 'note'): Promise<string> {
  const client = await startClient(relay, { storage: 'memory' })
  const note = client.open(id)
  await note.whenSynced
  const text = note.read()
  await client.workspace.close()
  return text
}

/** What a replica holds of a document, without opening it. */
export async function readInStore(store: ReplicaStore, id = 'note'): Promise<string> {
  const doc = new Y.Doc()
  await store.read(['records', 'edits'], async (transaction) => {
    for (const { value } of await transaction.range('records', [id])) Y.applyUpdate(doc, value.bytes)
    for (const { value } of await transaction.range('edits', [id])) Y.applyUpdate(doc, value.bytes)
  })
  return doc.getText('text').toString()
}
