/**
 * `npm run size`: what an app's bundle grows by, minified and gzipped, with yjs, lib0 and y-protocols not counted, as an app has them
 * anyway. Ends with 1 where a bound is passed: the bounds are what it is, so that it does not grow unseen.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

interface Entry {
  name: string
  /** What an app writes. */
  code: string
  bytesMax: number
}

const KIB = 1024

/** Kept by the bundler, as an app does something with it. */
const use = (what: string, file = 'client/index.ts'): string => {
  const name = what.startsWith('*') ? 'all' : what
  return `import ${what.startsWith('*') ? what : `{ ${what} }`} from '../${file}'\nglobalThis.used = ${name}\n`
}

export const ENTRIES: readonly Entry[] = [
  { name: 'openWorkspace', code: use('openWorkspace'), bytesMax: 66 * KIB },
  { name: 'everything', code: use('* as all'), bytesMax: 66 * KIB },
  { name: 'RejoinProvider', code: use('RejoinProvider'), bytesMax: 66 * KIB },
  { name: 'rejoin/react', code: use('* as all', 'client/react/index.ts'), bytesMax: 66 * KIB },
]

const APART = /^(yjs|lib0|y-protocols|react)(\/|$)/

/** Bytes of what an app's bundler makes of it. */
export async function sizeOf({ code }: Entry): Promise<number> {
  const file = join(import.meta.dirname, `.size-${process.pid}.ts`)
  writeFileSync(file, code)
  try {
    const built = await build({
      configFile: false,
      logLevel: 'error',
      build: {
        write: false,
        minify: true,
        modulePreload: false,
        rollupOptions: { input: file, external: APART },
      },
    })
    const outputs = (Array.isArray(built) ? built : [built]).flatMap((each) => ('output' in each ? each.output : []))
    const text = outputs.map((output) => (output.type === 'chunk' ? output.code : '')).join('')
    return gzipSync(text, { level: 9 }).length
  } finally {
    rmSync(file)
  }
}

if (import.meta.main) {
  for (const entry of ENTRIES) {
    const bytes = await sizeOf(entry)
    const isOver = bytes > entry.bytesMax
    console.log(
      `${entry.name.padEnd(16)} ${(bytes / KIB).toFixed(1)} KiB of at most ${entry.bytesMax / KIB} KiB${isOver ? ': TOO LARGE' : ''}`,
    )
    if (isOver) process.exitCode = 1
  }
}
