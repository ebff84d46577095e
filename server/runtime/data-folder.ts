/**
 * The folder where a Node relay keeps its workspaces, one SQLite file each. One relay at a time uses it: the lock is held
 * by an open transaction on a small database, so the system drops it with the process, however that ends.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RejoinError, toRejoinError } from '../../shared/errors.ts'
import type { Revocations } from '../auth/gate.ts'
import type { RootStore } from '../mesh/roots.ts'
import { openSqliteStore } from '../storage/sqlite-file.ts'
import type { RelayStore } from '../storage/store.ts'
import { openRootStore } from './root-store.ts'

export interface DataFolder {
  /** Opens or creates the store of a workspace. Raises `storage-failed`. */
  openStore(workspaceId: string): RelayStore
  /** Whose tokens count no more, as they were kept. Raises `storage-failed`. */
  revocations(): Revocations
  /** Raises `storage-failed`. */
  keepRevocations(revocations: Revocations): void
  /** Where roots of workspaces are kept. Raises `storage-failed`. */
  openRoots(): RootStore
  /** The workspaces that are there, with the file of each. */
  files(): [workspaceId: string, file: string][]
  /** Lets another relay have the folder. Idempotent. */
  close(): void
}

/** Creates the folder if need be, and locks it. Raises `bad-option` where that fails or another relay has it. */
export function openDataFolder(path: string): DataFolder {
  const workspaces = join(path, 'workspaces')
  let lock: DatabaseSync | undefined
  try {
    mkdirSync(workspaces, { recursive: true, mode: 0o700 })
    lock = new DatabaseSync(join(path, 'relay.lock'))
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock?.close()
    const what = isBusy(error)
      ? `another relay uses the data folder ${path}: stop it, or give this one a folder of its own`
      : `the data folder ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`
    throw new RejoinError('bad-option', what, { cause: error })
  }
  let closed = false
  let roots: ReturnType<typeof openRootStore> | undefined
  return {
    openStore: (workspaceId) => openSqliteStore(join(workspaces, workspaceFileName(workspaceId))),
    revocations: () => readRevocations(revocationsFile(path)),
    keepRevocations: (revocations) => writeRevocations(revocationsFile(path), revocations),
    openRoots() {
      roots ??= openRootStore(join(path, 'mesh.sqlite'))
      return roots
    },
    files: () => workspacesIn(path),
    close() {
      if (closed) return
      closed = true
      roots?.close()
      lock.close()
    },
  }
}

/** Without it nobody was revoked; one that cannot be read is not taken for that. */
function readRevocations(file: string): Revocations {
  try {
    const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')))
    return new Map(entries.map(([subject, at]) => [subject, Number(at)]))
  } catch (error) {
    if (isMissing(error)) return new Map()
    throw toRejoinError(error, 'storage-failed', `the revocations in ${file} cannot be read`)
  }
}

/** The old file or the new one is there, whenever the machine stops. */
function writeRevocations(file: string, revocations: Revocations): void {
  const written = `${file}.new`
  try {
    const descriptor = openSync(written, 'w', 0o600)
    writeSync(descriptor, JSON.stringify(Object.fromEntries(revocations)))
    fsyncSync(descriptor)
    closeSync(descriptor)
    renameSync(written, file)
  } catch (error) {
    throw toRejoinError(error, 'storage-failed', `the revocations cannot be kept in ${file}`)
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/**
 * The file of a workspace: a to z, digits, `-` and `_` as they are, every other byte of its UTF-8 as % and two digits. So
 * no two ids share a file, also where a file system does not tell upper from lower case or composes letters; the 80 bytes
 * that an id may have become 247 at most.
 */
export function workspaceFileName(workspaceId: string): string {
  let name = ''
  for (const byte of new TextEncoder().encode(workspaceId)) {
    const letter = String.fromCharCode(byte)
    name += /[a-z0-9_-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`
  }
  return name + EXTENSION
}

/** The workspaces of a data folder or backup, with the file of each, sorted. Raises `bad-option` where it is none. */
export function workspacesIn(path: string): [workspaceId: string, file: string][] {
  const folder = join(path, 'workspaces')
  if (!existsSync(folder)) {
    throw new RejoinError('bad-option', `${path} is neither the data folder of a relay nor a backup`)
  }
  const found: [string, string][] = []
  for (const name of readdirSync(folder).sort()) {
    const id = workspaceIdOf(name)
    if (id !== undefined) found.push([id, join(folder, name)])
  }
  return found
}

/** The workspace of a file, as `workspaceFileName` named it; `undefined` for any other file. */
function workspaceIdOf(name: string): string | undefined {
  if (!name.endsWith(EXTENSION)) return undefined
  try {
    return decodeURIComponent(name.slice(0, -EXTENSION.length))
  } catch {
    return undefined
  }
}

const EXTENSION = '.sqlite'

/** Where the revocations of a data folder or backup lie. */
export const revocationsFile = (path: string): string => join(path, 'revoked.json')

/** SQLITE_BUSY: somebody holds the lock. */
const isBusy = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === 5
