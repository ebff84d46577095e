/**
 * The Dockerfile and the compose file without an engine: their steps are run one by one in folders that hold what an image would hold,
 * and three relays are started with the settings that the compose file gives them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openWorkspace } from '../../client/index.ts'
import { mintToken } from '../../server/auth/tokens.ts'
import { freePort } from '../../tools/free-port.ts'
import { until } from '../support/lifetime.ts'

const project = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'rejoin-docker-'))
const STEP_TIMEOUT_MS = 280_000
const [build, image] = [join(folder, 'build'), join(folder, 'image')]
const children: ChildProcess[] = []

/** A line of a Dockerfile. */
interface Step {
  name: string
  rest: string
}

const read = (name: string): string => readFileSync(join(project, name), 'utf8')

function steps(text: string): Step[] {
  return text
    .split('\n')
    .map((line) => /^([A-Z]+) (.*)$/.exec(line))
    .flatMap((found) => (found === null ? [] : [{ name: found[1] ?? '', rest: found[2] ?? '' }]))
}

const all = steps(read('Dockerfile'))
const second = all.findLastIndex(({ name }) => name === 'FROM')
const [building, making] = [all.slice(0, second), all.slice(second)]

/** What the context has that .dockerignore leaves in: what is tracked. */
function context(): string[] {
  const listed = spawnSync('git', ['ls-files'], { cwd: project, encoding: 'utf8' }).stdout.trim().split('\n')
  return listed.filter((path) => existsSync(join(project, path)))
}

const environment = (): NodeJS.ProcessEnv => ({
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  HOME: process.env.HOME,
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
})

function run(command: string, cwd: string): void {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    env: environment(),
    encoding: 'utf8',
    timeout: STEP_TIMEOUT_MS,
  })
  if (status !== 0) throw new Error(`${command} ended with ${status}\n${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`)
}

function copyIn(rest: string): void {
  const names = rest.split(' ')
  const to = names.pop() ?? '.'
  for (const name of names) {
    const paths = context().filter((path) => name === '.' || path === name || path.startsWith(`${name}/`))
    if (paths.length === 0) throw new Error(`COPY ${rest}: there is no ${name}`)
    for (const path of paths) {
      const target = name === '.' || to === './' ? join(build, path) : join(build, to, path.slice(name.length))
      mkdirSync(dirname(target), { recursive: true })
      cpSync(join(project, path), target)
    }
  }
}

beforeAll(() => {
  for (const each of [build, image]) mkdirSync(each)
  for (const { name, rest } of building) {
    if (name === 'COPY') copyIn(rest)
    if (name === 'RUN') run(rest, build)
  }
  for (const { name, rest } of making) {
    const [, from, to] = /^--from=build \/app\/(\S+) (\S+)$/.exec(name === 'COPY' ? rest : '') ?? []
    if (from === undefined || to === undefined) continue
    cpSync(join(build, from), join(image, to === './' ? from : to), { recursive: true, verbatimSymlinks: true })
  }
}, 600_000)

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const listOf = (name: string): string[] =>
  JSON.parse(making.find((step) => step.name === name)?.rest.replace(/^.*CMD /, '') ?? '[]')

/** `ENV a=1 b=2` */
const environmentOfImage = Object.fromEntries(
  making.filter(({ name }) => name === 'ENV').flatMap(({ rest }) => rest.split(' ').map((each) => each.split('='))),
) as Record<string, string>

/** The environment of each service that is a relay, those that are merged in included. */
function services(): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {}
  let shared: Record<string, string> = {}
  for (const block of read('compose.yaml').split(/\n(?= {2}\w+:\n)/)) {
    const [, name] = /^ {2}(\w+):\n {4}<<: \*relay/.exec(block) ?? []
    if (name === undefined) continue
    const own = Object.fromEntries(
      [...block.matchAll(/^ {6}(REJOIN_\w+): '?([^'\n]*)'?$/gm)].map(([, key = '', value = '']) => [key, value]),
    )
    if (block.includes('&environment')) shared = own
    found[name] = { ...shared, ...own }
  }
  return found
}

it('the image has what its command needs, and no more than it runs', () => {
  expect(existsSync(join(image, listOf('CMD')[1] ?? 'nothing'))).toBe(true)
  expect(existsSync(join(image, 'dist/demo/index.html'))).toBe(true)
  expect(existsSync(join(image, 'node_modules/hono'))).toBe(true)
  for (const name of ['vitest', 'typescript', 'vite'])
    expect([name, existsSync(join(image, 'node_modules', name))]).toEqual([name, false])
})

it('without a secret it refuses to listen, and says what to do', () => {
  const [command = '', ...args] = listOf('CMD')
  const { status, stderr } = spawnSync(command, args, {
    cwd: image,
    env: { ...environment(), ...environmentOfImage, REJOIN_DATA: join(folder, 'none') },
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect([status, stderr]).toEqual([1, expect.stringContaining('give the relay a secret')])
})

it('three relays as the compose file has them share what is written at one; each is healthy', async () => {
  const secrets = { auth: 'a secret of thirty-two bytes, or of more', peer: 'another one, that relays share' }
  for (const [name, secret] of Object.entries(secrets)) writeFileSync(join(folder, name), `${secret}\n`)
  const ports = new Map<string, number>()
  const relays = Object.entries(services())
  expect(relays.map(([name]) => name)).toEqual(['a', 'b', 'c'])
  for (const [name] of relays) ports.set(name, await freePort())
  /** Names of this network, and where secrets are mounted. */
  const here = (text: string): string =>
    text
      .replace(/http:\/\/(\w):8787/g, (_all, name: string) => `http://127.0.0.1:${ports.get(name)}`)
      .replace(/\$\{\w+:-([^}]*)\}/g, '$1')
      .replace('/run/secrets/', `${folder}/`)
  for (const [name, settings] of relays) {
    const own = Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, here(value)]))
    const port = String(ports.get(name))
    const env = {
      ...environment(),
      ...environmentOfImage,
      ...own,
      REJOIN_PORT: port,
      REJOIN_DATA: join(folder, `data ${name}`),
    }
    const [command = '', ...args] = listOf('CMD')
    children.push(spawn(command, args, { cwd: image, env, stdio: 'ignore' }))
  }
  const [check = '', ...args] = listOf('HEALTHCHECK')
  for (const port of ports.values()) {
    const probe = args.map((arg) => arg.replace('8787', String(port)))
    await until(`the relay at ${port} is healthy`, () => spawnSync(check, probe, { env: environment() }).status === 0)
  }
  const token = () =>
    mintToken(secrets.auth, { subject: 'alice', workspaces: ['acme'], role: 'write', lifetimeMs: 60_000 })
  const open = async (name: string) => {
    const url = `ws://127.0.0.1:${ports.get(name)}`
    const workspace = await openWorkspace({ id: 'acme', user: name, relays: [url], token, storage: 'memory' })
    return { workspace, note: workspace.open('note') }
  }
  const [alice, bob, carol] = [await open('a'), await open('b'), await open('c')]
  alice.note.doc.getText('body').insert(0, 'through the mesh')
  await alice.note.saved({ relays: 3 })
  for (const { note } of [bob, carol])
    await until('it is there', () => note.doc.getText('body').toString() === 'through the mesh')
  for (const { workspace } of [alice, bob, carol]) await workspace.close()
}, 120_000)
