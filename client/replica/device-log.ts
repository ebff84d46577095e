/**
 * The update log as open documents need it: what is typed goes in, what is here comes out, and receipts are read. It is all that
 * is loaded when a workspace is opened; what talks to relays, folds and mends comes with `completeLog` of `update-log.ts`, when it
 * is needed. Only damage, and edits of a document that was deleted, wait for that: no other edit does (P6). To read a checkpoint takes
 * what inflates.
 */
import { type Environment, pauseFor } from '../../shared/environment.ts'
import { type DocumentId, randomId } from '../../shared/ids.ts'
import type { DocumentRef } from '../../shared/update/record.ts'
import { createFence, type Fence } from './fence.ts'
import { type Checkpoints, createLoading } from './loading.ts'
import type { Appended, DeviceLog, Edit, HeldDocument } from './log-types.ts'
import { isAcknowledged, readOutstanding } from './outstanding.ts'
import { editCount, findSelf, newDocument, putEditCount, readDocuments, readHeld, wanted } from './rows.ts'
import { type Bad, toEdit } from './soundness.ts'
import type { DocumentRow, ReplicaRow, ReplicaStore, WriteTransaction } from './store.ts'

/** What the rest of the log is built on. */
export interface OpenedLog extends DeviceLog {
  readonly store: ReplicaStore
  readonly environment: Environment
  readonly fence: Fence
  /** What was here when it was opened. */
  readonly opened: readonly HeldDocument[]
  /** Documents in whose edits, stored by this tab, is more than it takes to say the same. */
  readonly loose: Set<DocumentId>
}

/** What is loaded later. */
export interface Rest {
  /** Takes damaged rows out. */
  mend(document: DocumentId, bad: readonly Bad[]): Promise<void>
  /** Appends an edit that is of an epoch which is no more. */
  appendOutdated(edit: Edit): Promise<Appended>
}

/** Opens the log of a store. Where `rest` or `inflating` rejects, so does what waits for it. */
export async function openDeviceLog(
  store: ReplicaStore,
  environment: Environment,
  rest: () => Promise<Rest>,
  inflating: () => Promise<Checkpoints>,
): Promise<OpenedLog> {
  const tab = randomId(environment)
  // At once: an app waits for them before it shows anything.
  const opened = await store.read(['meta', 'documents', 'edits'], (transaction) =>
    Promise.all([findSelf(transaction), readDocuments(transaction)]),
  )
  const self = opened[0] ?? (await store.write(['meta'], begin))
  const fence = createFence(store, tab)
  const loose = new Set<DocumentId>()
  /** The newest numbers of this tab's edits. */
  const numbers = new Map<DocumentId, number>()

  /** The first time ever; another tab may be at it too. */
  async function begin(transaction: WriteTransaction): Promise<ReplicaRow> {
    const known = await findSelf(transaction)
    if (known !== undefined) return known
    const replica = randomId(environment)
    const fresh: ReplicaRow = { replica, origin: replica, head: 0 }
    transaction.put('meta', ['replica'], fresh)
    return fresh
  }

  const ensure = (where: DocumentRef): Promise<void> =>
    store.write(['documents'], async (transaction) =>
      known(transaction, where, await transaction.get('documents', [where.document])),
    )

  const load = createLoading({
    store,
    pause: () => pauseFor(environment),
    inflating,
    mend: async (document, bad) => (await rest()).mend(document, bad),
    ensure,
  })

  function nextEdit(document: DocumentId): number {
    const next = 1 + (numbers.get(document) ?? 0)
    numbers.set(document, next)
    return next
  }

  let moments = 0
  const moment = (): number => ++moments

  async function append(edit: Edit): Promise<Appended> {
    const { where, loose: isLoose } = edit
    const appended = await store.write(['edits', 'documents', 'meta'], async (transaction) => {
      const at = moment()
      const [row, counted] = await Promise.all([
        transaction.get('documents', [where.document]),
        editCount(transaction, where.document),
      ])
      if (row !== undefined && where.epoch < row.epoch) return undefined
      putEdit(transaction, edit, row, counted, tab)
      return { at }
    })
    if (isLoose) loose.add(where.document)
    return appended ?? (await rest()).appendOutdated(edit)
  }

  return {
    replica: self.replica,
    durable: store.durable,
    tab,
    store,
    environment,
    fence,
    loose,
    opened: opened[1],
    open: (where) => load(where.document, undefined, where),
    documents: () => store.read(['documents', 'edits'], readDocuments),
    load: (document, seen) => load(document, seen),
    held: (document) => store.read(['documents', 'edits'], (transaction) => readHeld(transaction, document, moment())),
    nextEdit,
    moment,
    append,
    branches: () =>
      store.read(['branches'], async (transaction) =>
        (await transaction.range('branches', [])).map(({ value }) => value),
      ),
    dismiss: (document, id) =>
      store.write(['branches'], async (transaction) => transaction.delete('branches', [document, id])),
    outstanding: (document) =>
      store.read(['documents', 'edits'], (transaction) => readOutstanding(transaction, document)),
    isAcknowledged: (document, outstanding) =>
      store.read(['documents', 'edits', 'meta'], (transaction) => isAcknowledged(transaction, document, outstanding)),
    lead: fence.lead,
    resign: fence.resign,
    close: () => store.close(),
  }
}

/** `counted`: how many edits of the document are here. */
export function putEdit(
  transaction: WriteTransaction,
  { where, n, bytes, count, late, loose }: Edit,
  row: DocumentRow | undefined,
  counted: number,
  tab: string,
): void {
  known(transaction, where, row)
  transaction.put('edits', [where.document, tab, n], toEdit(where, bytes, count, late, loose))
  putEditCount(transaction, where.document, counted + 1)
}

/** The document is opened or written: it is there, again maybe. */
function known(transaction: WriteTransaction, where: DocumentRef, row: DocumentRow | undefined): void {
  const now = wanted(row ?? newDocument(where))
  if (now !== row) transaction.put('documents', [where.document], now)
}
