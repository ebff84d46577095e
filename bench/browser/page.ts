/** What a browser does with a document that is stored as it is typed: the same work for Rejoin and for y-indexeddb. */
import { IndexeddbPersistence } from 'y-indexeddb'
import * as Y from 'yjs'
import { openWorkspace } from '../../client/index.ts'

export interface Stored {
  /** Milliseconds until everything was committed. */
  committedMs: number
  /** Microseconds that an edit takes from whoever types. */
  typedUs: number
}

declare global {
  interface Window {
    storeByRejoin(edits: number): Promise<Stored>
    storeByYIndexeddb(edits: number): Promise<Stored>
    loadByRejoin(): Promise<number>
    loadByYIndexeddb(): Promise<number>
    writeManyByRejoin(documents: number): Promise<void>
    writeManyByYIndexeddb(documents: number): Promise<void>
    openManyByRejoin(): Promise<number>
    openManyByYIndexeddb(documents: number): Promise<number>
    closedUnderRejoin(edits: number): Promise<number>
    closedUnderYIndexeddb(edits: number): Promise<number>
  }
}

const ID = 'bench'

/** One transaction each, as an editor makes them. */
function type(doc: Y.Doc, edits: number): number {
  const text = doc.getText('text')
  const begun = performance.now()
  for (let i = 0; i < edits; i++) text.insert(text.length, 'x')
  return ((performance.now() - begun) * 1_000) / edits
}

/** Both tidy up a while after the last edit. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
const SETTLED_MS = 4_000

const since = (begun: number): number => performance.now() - begun

window.storeByRejoin = async (edits) => {
  const workspace = await openWorkspace({ id: ID, storage: 'indexeddb' })
  const note = workspace.open('note')
  await note.whenLoaded
  const begun = performance.now()
  const typedUs = type(note.doc, edits)
  await note.saved('device')
  const committedMs = since(begun)
  await settled()
  await workspace.close()
  return { committedMs, typedUs }
}

window.storeByYIndexeddb = async (edits) => {
  const doc = new Y.Doc()
  const persistence = new IndexeddbPersistence(ID, doc)
  await persistence.whenSynced
  const begun = performance.now()
  const typedUs = type(doc, edits)
  await committed(persistence)
  const committedMs = since(begun)
  await settled()
  await persistence.destroy()
  return { committedMs, typedUs }
}

/** It tells nobody when something is stored: a transaction on the same store begins when all before it are committed. */
function committed({ db }: IndexeddbPersistence): Promise<void> {
  if (db === null) throw new Error('the database is not open')
  const reading = db.transaction('updates', 'readonly')
  return new Promise((resolve, reject) => {
    reading.objectStore('updates').count().onsuccess = () => resolve()
    reading.onabort = () => reject(reading.error)
  })
}

window.loadByRejoin = async () => {
  const begun = performance.now()
  const workspace = await openWorkspace({ id: ID, storage: 'indexeddb' })
  const note = workspace.open('note')
  await note.whenLoaded
  const ms = since(begun)
  await workspace.close()
  return ms
}

window.loadByYIndexeddb = async () => {
  const begun = performance.now()
  const persistence = new IndexeddbPersistence(ID, new Y.Doc())
  await persistence.whenSynced
  const ms = since(begun)
  await persistence.destroy()
  return ms
}

window.writeManyByRejoin = async (documents) => {
  const workspace = await openWorkspace({ id: 'many', storage: 'indexeddb' })
  for (let i = 0; i < documents; i++) {
    const note = workspace.open(`note ${i}`)
    note.doc.getText('text').insert(0, `the text of document ${i}`)
    if (i % 100 === 99) await note.saved('device')
    note.close()
  }
  await workspace.close()
}

window.writeManyByYIndexeddb = async (documents) => {
  for (let i = 0; i < documents; i++) {
    const doc = new Y.Doc()
    const persistence = new IndexeddbPersistence(`many ${i}`, doc)
    await persistence.whenSynced
    doc.getText('text').insert(0, `the text of document ${i}`)
    await committed(persistence)
    await persistence.destroy()
  }
}

/** Until all documents are known, as an app lists them: an app opens those that are looked at. */
window.openManyByRejoin = async () => {
  const begun = performance.now()
  const workspace = await openWorkspace({ id: 'many', storage: 'indexeddb' })
  const known = workspace.documents.get().length
  const ms = since(begun)
  await workspace.close()
  if (known === 0) throw new Error('no documents are here')
  return ms
}

/** One database each: to know what there is they are opened. */
window.openManyByYIndexeddb = async (documents) => {
  const begun = performance.now()
  const all = Array.from({ length: documents }, (_, i) => new IndexeddbPersistence(`many ${i}`, new Y.Doc()))
  await Promise.all(all.map(({ whenSynced }) => whenSynced))
  const ms = since(begun)
  await Promise.all(all.map((each) => each.destroy()))
  return ms
}

/** Connections that something was asked of. */
const connections = new Set<IDBDatabase>()
const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...args) {
  connections.add(this)
  return transaction.apply(this, args)
}

/** As browsers do it that need memory, or were asleep. Nobody is told. */
function closeConnections(): void {
  for (const connection of connections) connection.close()
  connections.clear()
}

/** How many of so many edits are stored, each typed when the connection was closed. */
window.closedUnderRejoin = async (edits) => {
  const workspace = await openWorkspace({ id: 'closed', storage: 'indexeddb' })
  const note = workspace.open('note')
  await note.whenLoaded
  for (let i = 0; i < edits; i++) {
    closeConnections()
    note.doc.getText('text').insert(i, 'x')
    await note.saved('device')
  }
  await workspace.close()
  const again = await openWorkspace({ id: 'closed', storage: 'indexeddb' })
  const reopened = again.open('note')
  await reopened.whenLoaded
  const { length } = reopened.doc.getText('text')
  await again.close()
  return length
}

/** It tells nobody when something is stored: an edit has twice the time in which it stores one otherwise. */
window.closedUnderYIndexeddb = async (edits) => {
  const doc = new Y.Doc()
  const persistence = new IndexeddbPersistence('closed', doc)
  await persistence.whenSynced
  for (let i = 0; i < edits; i++) {
    closeConnections()
    try {
      doc.getText('text').insert(i, 'x')
    } catch {
      // It throws into the transaction of whoever types.
    }
    await new Promise((resolve) => setTimeout(resolve, STORED_MS))
  }
  const again = new Y.Doc()
  await new IndexeddbPersistence('closed', again).whenSynced
  return again.getText('text').length
}
const STORED_MS = 500
