/**
 * `rejoin backup` and `rejoin restore`. A backup is taken while the relay runs: of each workspace the state of one moment. What is
 * restored is another replica: it takes new ids, so that what the old one has sealed since is not sealed twice (P8); peers and clients fill in
 * what it lacks.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import { renewIdentity } from '../storage/sqlite-file.ts'
import { openDataFolder, revocationsFile, workspacesIn } from './data-folder.ts'

type Say = (line: string) => void

/** Raises `bad-option` where `from` is no data folder, or `to` holds something. */
export function backupFolder(from: string, to: string, say: Say): void {
  const files = workspacesIn(from)
  mkdirSync(join(to, 'workspaces'), { recursive: true, mode: 0o700 })
  if (readdirSync(join(to, 'workspaces')).length > 0)
    throw new RejoinError('bad-option', `${to} holds a backup already`)
  for (const [workspace, file] of files) {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      database.prepare('VACUUM INTO ?').run(join(to, 'workspaces', basename(file)))
    } catch (error) {
      throw toRejoinError(error, 'corrupt', `${file} cannot be copied: rejoin verify tells more`)
    } finally {
      database.close()
    }
    say(`${workspace}: saved`)
  }
  copyRevocations(from, to)
  say(`${files.length} workspaces saved in ${to}`)
}

/** Raises `bad-option` where `from` is no backup, a relay uses `to`, or there is something in it. */
export function restoreFolder(from: string, to: string, say: Say): void {
  const files = workspacesIn(from)
  const folder = openDataFolder(to)
  try {
    if (folder.files().length > 0)
      throw new RejoinError('bad-option', `${to} holds workspaces: restore into an empty folder`)
    for (const [workspace, file] of files) {
      const restored = join(to, 'workspaces', basename(file))
      copyFileSync(file, restored)
      try {
        renewIdentity(restored)
      } catch (error) {
        rmSync(restored, { force: true })
        throw error
      }
      say(`${workspace}: restored`)
    }
    copyRevocations(from, to)
  } finally {
    folder.close()
  }
  say(`${files.length} workspaces restored in ${to}`)
}

/** Who was turned out stays out. */
function copyRevocations(from: string, to: string): void {
  const file = revocationsFile(from)
  if (existsSync(file)) copyFileSync(file, revocationsFile(to))
}
