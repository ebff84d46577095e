/** A page with nothing on it: tests tell it what to do. */
import * as Y from 'yjs'
import { estimateStorage, guardUnload, openWorkspace, persistStorage } from '../../../client/index.ts'
import { openPerson, type Person, type PersonOptions } from '../../support/person.ts'

declare global {
  interface Window {
    /** Begins: `me` is there when it resolves. */
    begin(options: PersonOptions): Promise<void>
    me: Person
    /** Errors of the workspace that nobody waited for. */
    errors: string[]
    /** Marks each transaction of Yjs from now on for whoever traces the page; see test/support/busy.ts. */
    markTransactions(): void
    estimateStorage: typeof estimateStorage
    persistStorage: typeof persistStorage
    guardUnload: typeof guardUnload
    openWorkspace: typeof openWorkspace
    /** Given by the test: takes note outside of the browser. */
    told?: (token: string) => void
    /** How many sockets the page has that are open or being opened. */
    sockets(): number
    /** Keeps the page from doing anything, but for a turn now and then, until a hold lets it go; see test/support/hold.ts. */
    hang(url: string): Promise<void>
    /** The same, as a browser does it that freezes the page. */
    freeze(url: string): void
    /** The rows of a table in the page's only database, read past the client. */
    rows(table: string): Promise<{ key: IDBValidKey; value: unknown }[]>
    /** Given by a test that makes `me` write. */
    stopWriting?: () => void
  }
}

window.errors = []
Object.assign(window, { estimateStorage, persistStorage, guardUnload, openWorkspace })

const opened = new Set<WebSocket>()
window.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    opened.add(this)
  }
}
window.sockets = () => [...opened].filter(({ readyState }) => readyState <= WebSocket.OPEN).length
/** One that hung in the midst of a transaction kept all others from the store. */
const TURN_MS = 1_000

window.hang = async (url) => {
  const request = new XMLHttpRequest()
  for (;;) {
    request.open('GET', url, false)
    request.send()
    if (request.responseText === 'over') return
    await new Promise((resolve) => setTimeout(resolve, TURN_MS))
  }
}
window.freeze = (url) => {
  document.dispatchEvent(new Event('freeze'))
  setTimeout(async () => {
    await window.hang(url)
    document.dispatchEvent(new Event('resume'))
  })
}

window.rows = async (table) => {
  const result = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const [{ name = '' } = {}] = await indexedDB.databases()
  const database = await result(indexedDB.open(name))
  const store = database.transaction(table).objectStore(table)
  const [keys, values] = await Promise.all([result(store.getAllKeys()), result(store.getAll())])
  database.close()
  return keys.map((key, at) => ({ key, value: values[at] as unknown }))
}

window.begin = async (options) => {
  window.me = await openPerson(options)
  window.me.workspace.on('error', (error) => window.errors.push(String(error)))
}

window.markTransactions = () => {
  // Also of a Y.Doc that is being loaded, which nobody has yet.
  const { emit } = Y.Doc.prototype
  Y.Doc.prototype.emit = function (this: Y.Doc, name, args) {
    if (name === 'beforeAllTransactions') performance.mark('yjs begins')
    emit.call(this, name, args)
    if (name === 'afterAllTransactions') performance.mark('yjs ends')
  }
}
