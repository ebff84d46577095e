/** `rejoin compact`: makes the files of a data folder as small as they can be, while no relay uses it. */
import { statSync } from 'node:fs'
import { systemEnvironment } from '../../shared/environment.ts'
import { RejoinError } from '../../shared/errors.ts'
import { compactStore } from '../relay/compact.ts'
import { openSqliteStore } from '../storage/sqlite-file.ts'
import { openDataFolder, workspacesIn } from './data-folder.ts'

/**
 * Says a line for each workspace, and for what it could not compact. Raises `bad-option` where the folder cannot be used or a
 * relay has it, `storage-failed` where a file does not open, and `corrupt` in the end where something is damaged.
 */
export function compactFolder(path: string, say: (line: string) => void): void {
  // A name that was typed wrong is not to become a folder.
  workspacesIn(path)
  const folder = openDataFolder(path)
  try {
    let damaged = 0
    for (const [workspace, file] of folder.files()) damaged += compactFile(workspace, file, say)
    if (damaged > 0) throw new RejoinError('corrupt', `${damaged} documents are damaged, and were left as they are`)
  } finally {
    folder.close()
  }
}

/** How many of its documents are damaged. */
function compactFile(workspace: string, file: string, say: (line: string) => void): number {
  const before = statSync(file).size
  const store = openSqliteStore(file)
  try {
    const { documents, damaged } = compactStore(store, systemEnvironment)
    for (const { document, error } of damaged) {
      say(`${workspace}: ${JSON.stringify(document)}: ${error instanceof Error ? error.message : String(error)}`)
    }
    store.close()
    say(`${workspace}: ${documents} documents, ${before} bytes before, ${statSync(file).size} after`)
    return damaged.length
  } finally {
    store.close()
  }
}
