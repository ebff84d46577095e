/**
 * The check that imports only point down, and that client and server never meet. `node tools/layers.ts` prints every
 * import that breaks a rule and ends with 1; the tables below are the rules.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { readMentions } from './imports.ts'

/**
 * The rooms of each house, the lowest first: a file imports from its own room, from rooms below it, and from what its
 * house `uses`. `folder` is a folder with all below it, `folder/*` the files right in it that no other line names.
 */
const houses: Readonly<Record<string, House>> = {
  shared: {
    uses: [],
    rooms: [['shared/*'], ['shared/causality'], ['shared/update'], ['shared/digest'], ['shared/wire'], ['shared/sync']],
  },
  client: {
    uses: ['shared'],
    rooms: [
      ['client/replica'],
      ['client/connection'],
      ['client/tabs'],
      ['client/*'],
      ['client/index.ts'],
      ['client/react'],
    ],
  },
  server: {
    uses: ['shared'],
    rooms: [
      ['server/storage'],
      ['server/auth'],
      ['server/relay'],
      ['server/mesh'],
      ['server/*'],
      ['server/runtime'],
      ['server/index.ts', 'server/worker.ts'],
      ['server/commands.ts', 'server/worker-main.ts'],
      ['server/cli.ts'],
    ],
  },
  demo: { uses: ['client/index.ts', 'client/react'], rooms: [['demo']] },
  'test/sim': {
    uses: ['client', 'server', 'shared'],
    rooms: [
      ['test/sim/time'],
      ['test/sim/network', 'test/sim/storage', 'test/sim/edits'],
      ['test/sim/checkers'],
      ['test/sim/world'],
      ['test/sim/faults'],
      ['test/sim/run'],
      ['test/sim/*'],
    ],
  },
  'test/contract': { uses: ['client', 'server', 'shared'], rooms: [['test/contract']] },
}

/** What one file may import beside what its house uses: commands that the package offers and that load when they are asked for. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'server/commands.ts': ['test/sim/command.ts'],
  // The lab is a world of clients and relays in one page, as the simulator's, in real time; it is loaded when somebody opens it.
  'demo/lab/world.ts': [
    'server/mesh/mesh.ts',
    'server/mesh/roots.ts',
    'server/relay/limits.ts',
    'server/relay/relay.ts',
    'server/storage/memory.ts',
    'server/storage/store.ts',
    'shared/update/inflate-piece.ts',
    'test/sim/network/network.ts',
    'test/sim/network/types.ts',
    'test/sim/time/chance.ts',
    'test/sim/time/clock.ts',
    'test/sim/time/process.ts',
  ],
  'demo/lab/library.ts': ['test/sim/time/chance.ts'],
}

/** Where a module is imported that somebody names on the command line. */
const computed: readonly string[] = ['test/sim/command.ts', 'test/sim/job.ts']

/** Names of one platform, and the only places that may say them. */
const platforms: readonly Platform[] = [
  {
    modules: ['node:*', 'ws', '@hono/node-server'],
    identifiers: [],
    places: [
      'server/runtime',
      'server/storage/sqlite-file.ts',
      'server/storage/verify.ts',
      'server/commands.ts',
      'server/index.ts',
      'test/sim/command.ts',
      'test/sim/job.ts',
      'test/sim/jobs.ts',
    ],
  },
  { modules: ['cloudflare:*'], identifiers: [], places: ['server/runtime/durable-object.ts'] },
  {
    modules: ['idb'],
    identifiers: ['indexedDB', 'IDBKeyRange'],
    places: ['client/replica/indexeddb.ts', 'client/replica/y-indexeddb.ts'],
  },
]

interface House {
  /** Rooms, files or whole houses. */
  uses: readonly string[]
  rooms: readonly (readonly string[])[]
}

interface Platform {
  modules: readonly string[]
  identifiers: readonly string[]
  places: readonly string[]
}

interface Place {
  house: string
  level: number
  room: string
}

/** Every offending import below `root`, one line each: file, line, what it imports, and the rule it breaks. */
export function checkLayers(root: string): string[] {
  const own = ownModules(root)
  return Object.keys(houses).flatMap((house) => sourceFiles(root, house).flatMap((file) => checkFile(root, file, own)))
}

const platformIdentifiers = new Set(platforms.flatMap((platform) => platform.identifiers))

function checkFile(root: string, file: string, own: ReadonlyMap<string, string>): string[] {
  const mentions = readMentions(file, readFileSync(join(root, file), 'utf8'), platformIdentifiers)
  return mentions.flatMap(({ name, kind, line }) => {
    const broken = kind === 'import' ? brokenByImport(file, name, own) : brokenByPlatform(file, name ?? '')
    return broken === undefined ? [] : [`${file}:${line} ${kind} ${name ?? '(computed)'}: ${broken}`]
  })
}

function brokenByImport(file: string, name: string | undefined, own: ReadonlyMap<string, string>): string | undefined {
  if (name === undefined) return computed.includes(file) ? undefined : 'a computed import cannot be checked'
  const target = name.startsWith('.') ? posix.join(posix.dirname(file), name) : own.get(name)
  return target === undefined ? brokenByPlatform(file, name) : brokenByLayer(file, target)
}

function brokenByPlatform(file: string, name: string): string | undefined {
  const platform = platforms.find(({ modules, identifiers }) =>
    [...modules, ...identifiers].some((known) => known === name || isUnder(name, known)),
  )
  if (platform === undefined || platform.places.some((place) => holds(place, file))) return undefined
  return `only for ${platform.places.join(', ')}`
}

function brokenByLayer(file: string, target: string): string | undefined {
  const from = placeOf(file)
  const to = placeOf(target)
  if (from === undefined) return `${file} is in no room: name its folder in tools/layers.ts`
  if (to === undefined) return `${target} is in no room: name its folder in tools/layers.ts, or import something else`
  if (exceptions[file]?.includes(target)) return undefined
  if (from.house !== to.house) return brokenByHouse(from.house, target)
  return to.level > from.level ? `imports only point down, and ${from.room} lies below ${to.room}` : undefined
}

function brokenByHouse(house: string, target: string): string | undefined {
  const uses = houses[house]?.uses ?? []
  if (uses.some((used) => holds(used, target))) return undefined
  return uses.length === 0 ? `${house} imports nothing from outside` : `${house} imports only ${uses.join(', ')}`
}

/** The room that holds a file; a room that names the file itself comes before its folder's. */
function placeOf(file: string): Place | undefined {
  let found: Place | undefined
  for (const [house, { rooms }] of Object.entries(houses))
    for (const [level, names] of rooms.entries())
      for (const room of names) {
        if (room === file) return { house, level, room }
        if (holds(room, file)) found ??= { house, level, room }
      }
  return found
}

function holds(place: string, file: string): boolean {
  if (place.endsWith('/*')) return posix.dirname(file) === place.slice(0, -2)
  return file === place || file.startsWith(`${place}/`)
}

/** 'node:*' covers 'node:fs', and a package covers what is under it: 'ws' covers 'ws/wrapper.mjs'. */
function isUnder(name: string, known: string): boolean {
  return name.startsWith(known.endsWith('*') ? known.slice(0, -1) : `${known}/`)
}

/** What the package's own names mean in the sources: 'rejoin/server' is 'server/index.ts'. */
function ownModules(root: string): Map<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const own = new Map<string, string>()
  for (const [entry, target] of Object.entries<string | { default: string }>(exports))
    if (typeof target === 'object')
      own.set(posix.join(name, entry), posix.relative('dist', target.default).replace(/\.js$/, '.ts'))
  return own
}

function sourceFiles(root: string, house: string): string[] {
  const folder = join(root, house)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => posix.join(house, path.replaceAll('\\', '/')))
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.config.ts'))
    .sort()
}

if (import.meta.main) {
  const offending = checkLayers(dirname(import.meta.dirname))
  for (const line of offending) console.error(line)
  if (offending.length > 0) console.error(`${offending.length} imports break the rules of tools/layers.ts`)
  process.exitCode = offending.length > 0 ? 1 : 0
}
