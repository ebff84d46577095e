/** Files of a folder, for a relay to serve. Only what was there at the start is served, so no path leads out of it. */
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

/** Raises `bad-option` where the folder cannot be read. */
export function openAssets(folder: string): Assets {
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
  return {
    async read(path) {
      const file = files.get(path)
      if (file === undefined) return undefined
      const bytes = new Uint8Array(await readFile(file))
      const contentType = CONTENT_TYPES[extname(file)] ?? 'application/octet-stream'
      return { bytes, contentType, immutable: HASHED.test(path) }
    },
  }
}
