/** Code blocks of the documentation that are marked `<!-- run: name -->`, run as they stand against a relay. */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '../../..')
const run = promisify(execFile)

export interface Example {
  name: string
  code: string
}

export function examplesOf(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/<!-- run: (\w+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => ({
    name,
    code,
  }))
}

/** Runs it in a process of its own, in which there is an IndexedDB that `before`, code as well, may have filled. */
export async function runExample(example: Example, folder: string, port: number, before = ''): Promise<string> {
  const inRoot = (path: string): string => JSON.stringify(pathToFileURL(join(root, path)).href)
  const code = `import ${inRoot('node_modules/fake-indexeddb/auto/index.mjs')}\n${before}\n${example.code}`
    .replaceAll("'rejoin'", inRoot('client/index.ts'))
    .replaceAll("'yjs'", inRoot('node_modules/yjs/dist/yjs.mjs'))
    .replaceAll("'y-websocket'", inRoot('node_modules/y-websocket/src/y-websocket.js'))
    .replaceAll("'y-indexeddb'", inRoot('node_modules/y-indexeddb/src/y-indexeddb.js'))
    .replaceAll('127.0.0.1:8787', `127.0.0.1:${port}`)
  const file = join(folder, `${example.name}.mts`)
  writeFileSync(file, code)
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 30_000, cwd: folder })
  if (stderr.includes('Error')) throw new Error(stderr)
  return stdout
}
