/**
 * `npm run size`: what an app's bundle grows by, minified and gzipped, with yjs, lib0 and y-protocols not counted, as an app has them
 * anyway. `first` is what is loaded to open documents of this device and type into them, `all` what is loaded once a relay is
 * reached and everything was needed; bundlers make files of their own of the difference. Ends with 1 where a bound is passed: the
 * bounds are a little above what it is, so that it does not grow unseen.
 */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin, type Rollup } from 'vite'

interface Entry {
  name: string
  /** What an app writes. */
  code: string
  firstBytesMax: number
  allBytesMax: number
}

export interface Size {
  first: number
  all: number
}

/** Kept by the bundler, as an app does something with it. */
const use = (what: string, file = 'client/index.ts'): string => {
  const name = what.startsWith('*') ? 'all' : what
  return `import ${what.startsWith('*') ? what : `{ ${what} }`} from '../${file}'\nglobalThis.used = ${name}\n`
}

export const ENTRIES: readonly Entry[] = [
  { name: 'openWorkspace', code: use('openWorkspace'), firstBytesMax: 20_000, allBytesMax: 81_500 },
  { name: 'everything', code: use('* as all'), firstBytesMax: 22_200, allBytesMax: 82_500 },
  { name: 'RejoinProvider', code: use('RejoinProvider'), firstBytesMax: 3_600, allBytesMax: 84_200 },
  { name: 'rejoin/react', code: use('* as all', 'client/react/index.ts'), firstBytesMax: 21_600, allBytesMax: 82_700 },
]

/** No file: one would be left where this ends early. */
const ENTRY = join(import.meta.dirname, 'entry-of-an-app.ts')

const entryWith = (code: string): Plugin => ({
  name: 'entry of an app',
  enforce: 'pre',
  resolveId: (id) => (id === ENTRY ? id : undefined),
  load: (id) => (id === ENTRY ? code : undefined),
})

/** Vite's loader of files that come later is one for the whole app, whatever in it loads something later: it is not counted. */
const plainImports: Plugin = {
  name: 'plain imports',
  enforce: 'pre',
  load: (id) => (id.endsWith('vite/preload-helper.js') ? 'export const __vitePreload = (load) => load()' : undefined),
}

const APART = /^(yjs|lib0|y-protocols|react)(\/|$)/

/** Bytes of what an app's bundler makes of it: file by file, as they are sent. */
export async function sizeOf({ code }: Entry): Promise<Size> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [entryWith(code), plainImports],
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      rollupOptions: { input: ENTRY, external: APART },
    },
  })
  const outputs = (Array.isArray(built) ? built : [built]).flatMap((each) => ('output' in each ? each.output : []))
  const chunks = outputs.filter((output) => output.type === 'chunk')
  return { first: bytesOf(firstOf(chunks)), all: bytesOf(chunks) }
}

/** The entry, and what it imports in any number of steps. */
function firstOf(chunks: readonly Rollup.OutputChunk[]): Rollup.OutputChunk[] {
  const names = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName))
  for (const name of names)
    for (const next of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) names.add(next)
  return chunks.filter(({ fileName }) => names.has(fileName))
}

const bytesOf = (chunks: readonly Rollup.OutputChunk[]): number =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)

if (import.meta.main) {
  for (const entry of ENTRIES) {
    const { first, all } = await sizeOf(entry)
    const isOver = first > entry.firstBytesMax || all > entry.allBytesMax
    console.log(
      `${entry.name.padEnd(16)} first ${kB(first)} of at most ${kB(entry.firstBytesMax)}, all ${kB(all)} of at most ${kB(entry.allBytesMax)}${isOver ? ': TOO LARGE' : ''}`,
    )
    if (isOver) process.exitCode = 1
  }
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
