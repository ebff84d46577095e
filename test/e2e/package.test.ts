/** The package as its users get it: packed, installed into an empty project, type-checked, imported and run there. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const project = join(import.meta.dirname, '../..')

/** A folder packed by mistake shows, a new feature does not: it is 1.3 MB, 0.4 of them the sources in source maps. */
const PACKED_BYTES_MAX = 1_500_000

const START_TIMEOUT_MS = 30_000

/** An install from a cold cache takes the longest. */
const RUN_TIMEOUT_MS = 100_000

interface Packed {
  filename: string
  size: number
  unpackedSize: number
  files: { path: string }[]
}

const folder = mkdtempSync(join(tmpdir(), 'rejoin-package-'))
const consumer = join(folder, 'consumer')
const paths = new Set<string>()
let packed: Packed

beforeAll(() => {
  if (!existsSync(join(project, 'dist'))) run(project, 'npm', 'run', '--silent', 'build')
  packed = pack()
  for (const { path } of packed.files) paths.add(path)
  mkdirSync(consumer)
  writeConsumer('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const others = ['yjs', 'typescript', '@types/node'].map((name) => `${name}@${lockedVersion(name)}`)
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
  run(consumer, 'npm', 'install', ...quiet, join(folder, packed.filename), ...others)
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the tarball', () => {
  it('holds everything that exports and bin name', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    const targets = [...stringsIn(exports), ...stringsIn(bin)].map((target) => target.replace(/^\.\//, ''))
    expect(targets.length).toBeGreaterThan(4)
    expect(targets.filter((target) => !paths.has(target))).toEqual([])
  })

  it('holds the license, the demo and the build, and nothing else', () => {
    expect([...paths]).toEqual(expect.arrayContaining(['LICENSE', 'package.json', 'README.md', 'dist/demo/index.html']))
    const known =
      /^(dist\/(client|server|shared|demo|test\/(sim|contract))\/.+|package\.json|LICENSE|README\.md|CHANGELOG\.md)$/
    expect([...paths].filter((path) => !known.test(path) || path.includes('.test.'))).toEqual([])
  })

  it('shows the sources of what apps bundle where they debug it; what runs at relays is as it was written, without maps', () => {
    const maps = [...paths].filter((path) => path.endsWith('.map'))
    expect(maps.filter((path) => !/^dist\/(client|shared)\//.test(path))).toEqual([])
    for (const path of [...paths].filter((each) => /^dist\/(client|shared|server|test)\/.+\.js$/.test(each))) {
      const code = readFileSync(join(project, path), 'utf8')
      expect([path, code.includes('sourceMappingURL')]).toEqual([path, paths.has(`${path}.map`)])
    }
    const { sourcesContent } = JSON.parse(readFileSync(join(project, 'dist/client/workspace.js.map'), 'utf8'))
    expect(sourcesContent).toEqual([readFileSync(join(project, 'client/workspace.ts'), 'utf8')])
  })

  it('is small', () => {
    console.log(`packed ${packed.size} bytes, unpacked ${packed.unpackedSize}, ${packed.files.length} files`)
    expect(packed.size).toBeLessThan(PACKED_BYTES_MAX)
  })
})

describe('in an empty project', () => {
  it('brings only the packages that it needs, and one Yjs', () => {
    const tree = JSON.parse(run(consumer, 'npm', 'ls', '--all', '--json'))
    const { dependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    expect(Object.keys(tree.dependencies).sort()).toEqual(['@types/node', 'rejoin', 'typescript', 'yjs'])
    const direct = [...Object.keys(dependencies), 'yjs']
    // Of lib0; of prom-client.
    const theirs = ['isomorphic.js', '@opentelemetry/api', 'bintrees', 'tdigest']
    expect([...namesBelow(tree.dependencies.rejoin)].sort()).toEqual([...direct, ...theirs].sort())
    const copies = run(consumer, 'npm', 'ls', '--all', '--parseable', 'yjs').trim().split('\n')
    expect(copies).toHaveLength(1)
  })

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('type-checks with module %s and resolution %s', (module, moduleResolution) => {
    const strict = { target: 'es2023', strict: true, noEmit: true, module, moduleResolution, skipLibCheck: false }
    const page = { ...strict, lib: ['es2023', 'dom', 'dom.iterable'], types: [] }
    const server = { ...strict, lib: ['es2024', 'dom', 'dom.iterable'], types: ['node'] }
    writeConsumer('page.ts', pageSource)
    writeConsumer('server.ts', serverSource)
    writeConsumer('tsconfig.page.json', JSON.stringify({ compilerOptions: page, files: ['page.ts'] }))
    writeConsumer('tsconfig.server.json', JSON.stringify({ compilerOptions: server, files: ['server.ts'] }))
    run(consumer, 'npx', 'tsc', '-p', 'tsconfig.page.json')
    run(consumer, 'npx', 'tsc', '-p', 'tsconfig.server.json')
  })

  it('carries an edit from one workspace through a relay to another', () => {
    writeConsumer('edit.js', editSource)
    expect(run(consumer, process.execPath, 'edit.js')).toBe('hello\n')
  })

  it('simulates an app, in plain Node and as `npx rejoin simulate`', () => {
    writeConsumer('simulation.js', simulationSource)
    expect(run(consumer, process.execPath, 'simulation.js')).toBe('3 seeds, 0 failures\n')
    const said = run(consumer, 'npx', 'rejoin', 'simulate', '--seeds', '3', '--faults', 'partition,crash')
    expect(said).toMatch(/faults injected:\n[\s\S]*\n3 seeds, [\s\S]*\n0 failures\n$/)
  })

  it('passes the contract suites of `rejoin/testing/contract`, which are for stores and relays of others', () => {
    // Not before the other tests: what is installed here is none of what the package brings.
    run(consumer, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `vitest@${lockedVersion('vitest')}`)
    writeConsumer('contract.test.js', contractSource)
    const said = run(consumer, 'npx', 'vitest', 'run', 'contract.test.js')
    expect(said).toMatch(/Tests {2}\d{2,} passed \(\d+\)/)
  })

  it('runs `npx rejoin relay`, which answers /healthz and serves the demo', async () => {
    const relay = startRelay()
    try {
      const url = await relay.url
      const health = await fetch(`${url}/healthz`)
      expect(health.status).toBe(200)
      const page = await fetch(url)
      expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
    } finally {
      await relay.stop()
    }
    expect(existsSync(join(consumer, 'data'))).toBe(true)
  })
})

const pageSource = `
import * as Y from 'yjs'
import { openWorkspace, RejoinError, RejoinProvider } from 'rejoin'

export async function page(): Promise<string> {
  const workspace = await openWorkspace({ id: 'acme', user: 'u42', relays: ['ws://127.0.0.1:8787'], storage: 'memory' })
  const note = workspace.open('notes/today')
  await note.whenLoaded
  const doc: Y.Doc = note.doc
  doc.getText('body').insert(0, 'hello')
  await note.saved('device')
  // @ts-expect-error there is no such receipt: the types are not any
  await note.saved('nowhere')
  // @ts-expect-error a workspace id is a string
  await openWorkspace({ id: 1 })
  const provider = new RejoinProvider('ws://127.0.0.1:8787/sync/acme', 'notes/today', new Y.Doc())
  provider.on('status', () => {})
  provider.destroy()
  const code: string = new RejoinError('bad-frame', 'why').code
  return code + doc.getText('body').toString()
}
`

const simulationSource = `
import { simulate } from 'rejoin/testing'

const { runs, failures } = await simulate({
  seeds: 3,
  actions: { add: ({ doc }, chance) => doc.getArray('numbers').push([chance.below(9)]) },
  content: ({ doc }) => doc.getArray('numbers').toArray().join(),
})
console.log(runs + ' seeds, ' + failures.length + ' failures')
`

const contractSource = `
import { createMemoryReplicaStore } from 'rejoin'
import { createRelay } from 'rejoin/server'
import { testRelayRuntime, testReplicaStore } from 'rejoin/testing/contract'

testReplicaStore('of another package', async () => ({ store: createMemoryReplicaStore({ durable: true }) }))

testRelayRuntime('of another package', async () => {
  let relay = createRelay({ data: './contract-data', log: () => {} })
  const { url, port } = await relay.listen(0)
  return {
    url,
    async restart() {
      await relay.close()
      relay = createRelay({ data: './contract-data', log: () => {} })
      await relay.listen(port)
    },
    close: () => relay.close(),
  }
})
`

const serverSource = `
import { createServer } from 'node:http'
import { type Action, simulate } from 'rejoin/testing'
import { createRelay, type Relay } from 'rejoin/server'

export async function fails(): Promise<boolean> {
  const add: Action = ({ doc }, chance) => doc.getArray('numbers').push([chance.below(9)])
  // @ts-expect-error there is no such fault: the types are not any
  await simulate({ seeds: 1, faults: ['rain'] })
  const { failures } = await simulate({ seeds: [17], actions: { add }, faults: ['partition'] })
  return failures.length > 0
}

export async function serve(): Promise<number> {
  const relay: Relay = createRelay({ data: './data' })
  const detach = relay.attach(createServer())
  detach()
  // @ts-expect-error a data folder is a path: the types are not any
  createRelay({ data: 1 })
  const { port } = await relay.listen(0)
  await relay.close()
  return port
}
`

const editSource = `
import { openWorkspace } from 'rejoin'
import { createRelay } from 'rejoin/server'

const relay = createRelay()
const { url } = await relay.listen(0)
const open = () => openWorkspace({ id: 'acme', user: 'u42', relays: [url.replace('http', 'ws')], storage: 'memory' })
const [alice, bob] = await Promise.all([open(), open()])
const note = alice.open('notes/today')
note.doc.getText('body').insert(0, 'hello')
await note.saved('relay')
const copy = bob.open('notes/today')
await copy.whenSynced
console.log(copy.doc.getText('body').toString())
await alice.close()
await bob.close()
await relay.close()
`

/** Runs to its end; the error of a command that fails, or does not end, carries all that it said. */
function run(cwd: string, command: string, ...args: string[]): string {
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: plainEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
  })
  if (status === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')} ended with ${signal ?? status}:\n${stdout}${stderr}`)
}

/** Without what `npm test` tells its children about this project, and without colours; with the Node that runs this test first. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|node_env$|vitest|rejoin_|force_color$)/i.test(name),
  )
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
  return { ...Object.fromEntries(own), PATH: path, NO_COLOR: '1' }
}

function pack(): Packed {
  const [packed]: Packed[] = JSON.parse(run(project, 'npm', 'pack', '--json', '--pack-destination', folder))
  if (packed === undefined) throw new Error('npm pack tells of no tarball')
  return packed
}

function lockedVersion(name: string): string {
  return JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')).packages[`node_modules/${name}`].version
}

function writeConsumer(path: string, text: string): void {
  writeFileSync(join(consumer, path), text)
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

interface Installed {
  /** Missing where npm only tells of a peer that may be absent, and is. */
  version?: string
  dependencies?: Record<string, Installed>
}

function namesBelow({ dependencies = {} }: Installed, names = new Set<string>()): Set<string> {
  for (const [name, below] of Object.entries(dependencies))
    if (below.version !== undefined) namesBelow(below, names.add(name))
  return names
}

function startRelay(): { url: Promise<string>; stop(): Promise<void> } {
  const child = spawn('npx', ['rejoin', 'relay', '--port', '0', '--data', './data'], {
    cwd: consumer,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      said += chunk
      const [found] = said.match(/http:\/\/127\.0\.0\.1:\d+/) ?? []
      if (found !== undefined) resolve(found)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', reject)
    void closed.then(() => reject(new Error(`npx rejoin relay ended:\n${said}`)))
    setTimeout(() => reject(new Error(`npx rejoin relay tells no address:\n${said}`)), START_TIMEOUT_MS).unref()
  })
  return {
    url,
    async stop() {
      // npx and its shell pass no signal on: the whole group is told.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
      await closed
    },
  }
}
