/** The roots of a relay's workspaces in a small SQLite file of its data folder, so that a start need not open all of them. */
import { DatabaseSync } from 'node:sqlite'
import { toRejoinError } from '../../shared/errors.ts'
import type { RootStore } from '../mesh/roots.ts'

export function openRootStore(path: string): RootStore & { close(): void } {
  try {
    const database = new DatabaseSync(path)
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS roots (
        workspace TEXT PRIMARY KEY, root BLOB NOT NULL, documents INTEGER NOT NULL, head INTEGER NOT NULL) WITHOUT ROWID`)
    const all = database.prepare('SELECT workspace, root, documents, head FROM roots')
    const put = database.prepare('INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)')
    const drop = database.prepare('DELETE FROM roots WHERE workspace = ?')
    let closed = false
    return {
      *load() {
        for (const { workspace, root, documents, head } of all.all()) {
          const words = new Uint32Array((root as Uint8Array).slice().buffer)
          if (words.length === 4)
            yield [String(workspace), { root: words, documents: Number(documents), head: Number(head) }]
        }
      },
      put(workspace, stored) {
        if (stored === undefined) drop.run(workspace)
        else put.run(workspace, new Uint8Array(stored.root.slice().buffer), stored.documents, stored.head)
      },
      close() {
        if (closed) return
        closed = true
        database.close()
      },
    }
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the store ${path} does not open`)
  }
}
