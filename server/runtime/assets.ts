/** Files of a folder, for a relay to serve. Only what a listing of the folder names is served, so no path leads out of it. */
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { RejoinError } from '../../shared/errors.ts'
import type { Assets } from '../app.ts'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

/** Vite's folder for what has a hash of its content in its name. */
const HASHED = /^\/assets\/.+-[\w-]{8}\.\w+(\.map)?$/

/** How long a listing of the folder stands for what is in it: a path that is unknown may have been built meanwhile. */
const LISTED_FOR_MS = 1_000

/** Raises `bad-option` where the folder cannot be read. */
export function openAssets(folder: string, now: () => number): Assets {
  let files = list(folder)
  let listedAt = now()

  /** The file of a path; the folder is looked at again where it may have changed since. */
  async function find(path: string): Promise<{ file: string; bytes: Uint8Array<ArrayBuffer> } | undefined> {
    const file = files.get(path)
    const bytes = file === undefined ? undefined : await readIfThere(file)
    if (file !== undefined && bytes !== undefined) return { file, bytes }
    if (now() - listedAt < LISTED_FOR_MS) return undefined
    listAgain()
    return find(path)
  }

  function listAgain(): void {
    listedAt = now()
    try {
      files = list(folder)
    } catch {
      // It was there at the start: a build that is under way has taken it, and nothing is there.
      files = new Map()
    }
  }

  return {
    async read(path) {
      const found = await find(path)
      if (found === undefined) return undefined
      const contentType = CONTENT_TYPES[extname(found.file)] ?? 'application/octet-stream'
      return { bytes: found.bytes, contentType, immutable: HASHED.test(path) }
    },
  }
}

/** Path as a URL has it -> file. */
function list(folder: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = join(entry.parentPath, entry.name)
      files.set(`/${relative(folder, file).split(sep).join('/')}`, file)
    }
  } catch (error) {
    throw new RejoinError('bad-option', `the folder ${folder} of the demo cannot be read`, { cause: error })
  }
  return files
}

async function readIfThere(file: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await readFile(file))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
