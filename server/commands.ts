/** What `rejoin` does. Options of a relay are also environment variables, but for what is said once; the command line wins. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { RejoinError, toRejoinError } from '../shared/errors.ts'
import { isRole, ROLES } from '../shared/roles.ts'
import { mintToken, type TokenOptions } from './auth/tokens.ts'
import { createRelay, RELAY_LIMITS, type Relay, type RelayLimits } from './index.ts'
import { createLog, errorFields, type Log } from './log.ts'
import { backupFolder, restoreFolder } from './runtime/backup.ts'
import { compactFolder } from './runtime/compact.ts'
import { inspectFolder, inspectRelay, releaseQuarantined } from './runtime/inspect.ts'
import { findPackageRoot } from './runtime/package-root.ts'
import { verifyFolder } from './runtime/verify.ts'

/** Three a line. */
const LIMIT_NAMES = Object.keys(RELAY_LIMITS)
  .map((name, i) => (i % 3 === 0 ? `${' '.repeat(28)}${name}` : name))
  .join(', ')
  .replace(/, (?= )/g, ',\n')

const HELP = `rejoin: offline-first sync for Yjs

Usage: rejoin relay [options]     run a relay
       rejoin compact <folder>    make the data of a relay that is stopped as small as it can be
       rejoin verify <folder>     look through the data of a relay, and change nothing
       rejoin backup <folder> <to>      save the data of a relay, which may be running
       rejoin restore <from> <folder>   make the data of a relay out of a backup
       rejoin inspect <url|folder>      how a relay sees its mesh, or what is stored
       rejoin cat|tail <url> <document> print a document as JSON, or what changes of it; <url> as http://127.0.0.1:8787/acme
       rejoin token [options]     make a token for somebody
       rejoin simulate [options]  run simulated worlds of clients and relays; see rejoin simulate --help

  --port <number>           port to listen on; 0 takes a free one      REJOIN_PORT, PORT        8787
  --host <address>          loopback name or address                   REJOIN_HOST              127.0.0.1
  --data <folder>           where workspaces are stored                REJOIN_DATA              ./.rejoin
  --peer <url>              another relay, which introduces the rest   REJOIN_PEER              (comma between)
  --mesh                    let other relays join, without naming one  REJOIN_MESH=1
  --peer-secret-file <file> what relays of the mesh share              REJOIN_PEER_SECRET_FILE  on loopback: none
  --operator-token-file <file>  shows /metrics, /mesh where tokens are asked for; inspect: sends it  REJOIN_OPERATOR_TOKEN_FILE
  --advertise <url>         where peers reach this relay               REJOIN_ADVERTISE         where it listens
  --demo <folder>           page to serve at /                         REJOIN_DEMO              the demo, if built
  --allowed-origin <url>    page that may connect; repeat for more     REJOIN_ALLOWED_ORIGIN    (comma between)
  --limit <name>=<number>   a bound to change; repeat for more         REJOIN_LIMIT             (comma between)
${LIMIT_NAMES}
  --ttl-days <number>       delete what nobody wrote for so long       REJOIN_TTL_DAYS          never

  --auth-secret-file <file> ask for tokens signed with this secret     REJOIN_AUTH_SECRET_FILE, REJOIN_AUTH_SECRET
  --auth-keys <file or url> ... with the key to one of these (JWKS)    REJOIN_AUTH_KEYS
  --auth-audience <name>    whom tokens have to be for                 REJOIN_AUTH_AUDIENCE     rejoin
  --auth-lifetime <time>    longest life of a token, as 15m or 8h      REJOIN_AUTH_LIFETIME     24h
  --subject <name>          token: for whom, the same on each device
  --workspace <id>          token: where; repeat for more, * for all
  --document <id>           token: which, * at its end for any; repeat for more, all by default
  --role <role>             token: read, comment, write (the default) or admin
  --expires <time>          token: its life, 1h by default

  --hash                    verify: say the hash of each document's content
  --release <id>            inspect: try again what was set aside because the relay failed at it
  --json                    verify, inspect: say it in lines of JSON
  --trust-proxy             addresses are what X-Forwarded-For says     REJOIN_TRUST_PROXY=1
  --restored                an older copy of the data was put back: let anybody bring what is missing
  --open-hint               say which page to open                     REJOIN_OPEN_HINT=1
  --help, --version

cat and tail show the token in REJOIN_TOKEN where the relay asks for one. Events go to stderr: lines of JSON, or of text on a terminal. SIGTERM and SIGINT stop the relay without loss.
It ends with 0 after a stop, 1 after a failure or where verify finds something wrong, 2 for a command that it does not understand.
`

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  peer: { type: 'string', multiple: true },
  mesh: { type: 'boolean' },
  'peer-secret-file': { type: 'string' },
  advertise: { type: 'string' },
  'operator-token-file': { type: 'string' },
  demo: { type: 'string' },
  'allowed-origin': { type: 'string', multiple: true },
  limit: { type: 'string', multiple: true },
  'ttl-days': { type: 'string' },
  'auth-secret-file': { type: 'string' },
  'auth-keys': { type: 'string' },
  'auth-audience': { type: 'string' },
  'auth-lifetime': { type: 'string' },
  subject: { type: 'string' },
  workspace: { type: 'string', multiple: true },
  document: { type: 'string', multiple: true },
  role: { type: 'string' },
  expires: { type: 'string' },
  restored: { type: 'boolean' },
  'trust-proxy': { type: 'boolean' },
  'open-hint': { type: 'boolean' },
  hash: { type: 'boolean' },
  json: { type: 'boolean' },
  release: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** A command that was not understood. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** How long a stop may take in all: what it waits for has bounds of its own, this is for what nobody thought of. */
const STOP_WITHIN_MS = 10_000

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === 'simulate') return simulate(argv.slice(1))
  const { values, positionals } = parse(argv)
  if (values.version) return say(`rejoin ${findPackageRoot().version}\n`)
  if (values.help) return say(HELP)
  const [command, ...rest] = positionals
  if (command === undefined) throw new UsageError('a command is missing')
  const named = TWO_ARGUMENTS[command]
  if (named !== undefined) return named(...two(command, rest))
  if (command === 'inspect') return inspect(rest, values)
  if (!['relay', 'compact', 'verify', 'token'].includes(command)) throw new UsageError(`there is no command ${command}`)
  const [argument, ...more] = command === 'relay' || command === 'token' ? [undefined, ...rest] : rest
  if (more.length > 0) throw new UsageError(`${more.join(' ')} is one argument too many`)
  if (command === 'token') return token(values)
  const folder = resolve(argument ?? dataFolder(values))
  if (command === 'compact') return compactFolder(folder, (line) => say(`${line}\n`))
  if (command === 'verify') return verify(folder, values)
  await relay(values)
}

const say = (text: string): void => void process.stdout.write(text)
const sayLine = (line: string): void => say(`${line}\n`)

/** Commands that take two words. */
const TWO_ARGUMENTS: Readonly<Record<string, (first: string, second: string) => Promise<void> | void>> = {
  backup: (from, to) => backupFolder(resolve(from), resolve(to), sayLine),
  restore: (from, to) => restoreFolder(resolve(from), resolve(to), sayLine),
  cat: async (url, document) =>
    (await views()).catDocument({ url, document, token: process.env.REJOIN_TOKEN, say: sayLine }),
  tail: async (url, document) =>
    (await views()).tailDocument({ url, document, token: process.env.REJOIN_TOKEN, say: sayLine }),
}

/** It loads Yjs, which a relay does without. */
const views = () => import('./runtime/document-view.ts')

function two(command: string, [first, second, ...more]: readonly string[]): [string, string] {
  if (first === undefined || second === undefined) throw new UsageError(`${command} takes two arguments`)
  if (more.length > 0) throw new UsageError(`${more.join(' ')} is one argument too many`)
  return [first, second]
}

async function inspect([target, ...more]: readonly string[], values: Values): Promise<void> {
  if (more.length > 0) throw new UsageError(`${more.join(' ')} is one argument too many`)
  const { json = false, release } = values
  const what = target ?? dataFolder(values)
  if (/^https?:/.test(what)) return inspectRelay(what, operatorToken(values), json, sayLine)
  if (release !== undefined) return releaseQuarantined(resolve(what), release, sayLine)
  inspectFolder(resolve(what), json, sayLine)
}

/** It has options of its own, and loads a world that nobody else needs. */
async function simulate(argv: readonly string[]): Promise<void> {
  const { runSimulate } = await import('../test/sim/command.ts')
  process.exitCode = await runSimulate(argv)
}

function verify(folder: string, { hash = false, json = false }: Values): void {
  const findings = verifyFolder(folder, { hash, json, say: sayLine, progress: toStderr, now: Date.now })
  if (findings > 0) process.exitCode = 1
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Values = ReturnType<typeof parse>['values']

async function relay(values: Values): Promise<void> {
  const environment = process.env
  const root = findPackageRoot()
  const port = toPort(values.port ?? environment.REJOIN_PORT ?? environment.PORT ?? '8787')
  const host = values.host ?? environment.REJOIN_HOST ?? '127.0.0.1'
  const data = resolve(dataFolder(values))
  const log = createLog({ write: toStderr, human: process.stderr.isTTY === true, now: Date.now })
  const relay = createRelay({
    data,
    demo: values.demo ?? environment.REJOIN_DEMO ?? root.demo,
    auth: toAuth(values),
    restored: values.restored,
    trustProxy: values['trust-proxy'] ?? environment.REJOIN_TRUST_PROXY === '1',
    allowedOrigins: values['allowed-origin'] ?? toList(environment.REJOIN_ALLOWED_ORIGIN),
    ttlMs: toTtl(values['ttl-days'] ?? environment.REJOIN_TTL_DAYS),
    peers: toPeers(values),
    peerSecret: toPeerSecret(values),
    advertise: values.advertise ?? environment.REJOIN_ADVERTISE,
    operatorToken: operatorToken(values),
    limits: toLimits(values.limit ?? toList(environment.REJOIN_LIMIT)),
    log,
  })
  stopOnSignals(relay, log)
  try {
    const { url } = await relay.listen(port, host)
    log('info', 'listening', { url, data, version: root.version })
    const hinted = values['open-hint'] ?? environment.REJOIN_OPEN_HINT === '1'
    if (hinted) say(`Open ${url} in two windows, and edit.\n`)
  } catch (error) {
    await relay.close()
    throw error
  }
}

/** The secret comes from a file or the environment: command lines are seen by everybody on the machine. */
function toSecret(values: Values): string | undefined {
  const file = values['auth-secret-file'] ?? process.env.REJOIN_AUTH_SECRET_FILE
  if (file === undefined) return process.env.REJOIN_AUTH_SECRET || undefined
  const secret = readText(file, 'the secret').trimEnd()
  if (secret === '') throw new RejoinError('bad-option', `there is no secret in ${file}`)
  return secret
}

function toAuth(values: Values): TokenOptions | undefined {
  const secret = toSecret(values)
  const keys = values['auth-keys'] ?? process.env.REJOIN_AUTH_KEYS
  if (secret === undefined && !keys) return undefined
  return {
    secret,
    publicKeys: keys ? toKeys(keys) : undefined,
    audience: values['auth-audience'] ?? process.env.REJOIN_AUTH_AUDIENCE,
    lifetimeMsMax: toMs(values['auth-lifetime'] ?? process.env.REJOIN_AUTH_LIFETIME, undefined),
  }
}

function toKeys(keys: string): TokenOptions['publicKeys'] {
  if (/^https?:/.test(keys)) {
    if (!URL.canParse(keys)) throw new RejoinError('bad-option', `${keys} is no URL of keys`)
    return new URL(keys)
  }
  try {
    return JSON.parse(readText(keys, 'the keys'))
  } catch (error) {
    if (error instanceof RejoinError) throw error
    throw new RejoinError('bad-option', `the keys in ${keys} are no JSON`)
  }
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw toRejoinError(error, 'bad-option', `${what} in ${file} cannot be read`)
  }
}

async function token(values: Values): Promise<void> {
  const secret = toSecret(values)
  if (secret === undefined) throw new UsageError('give --auth-secret-file: it signs the token')
  const { subject, workspace, document, role = 'write' } = values
  if (subject === undefined || workspace === undefined) throw new UsageError('give --subject and --workspace')
  if (!isRole(role)) throw new UsageError(`the role ${role} is none of ${ROLES.join(', ')}`)
  const lifetimeMs = toMs(values.expires, 60 * 60_000)
  const audience = values['auth-audience'] ?? process.env.REJOIN_AUTH_AUDIENCE
  const claims = { subject, workspaces: workspace, role, documents: document, lifetimeMs }
  say(`${await mintToken(secret, claims, { audience })}\n`)
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function toMs<Otherwise>(time: string | undefined, otherwise: Otherwise): number | Otherwise {
  if (time === undefined || time === '') return otherwise
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(time) ?? []
  const ms = Number(count) * (UNIT_MS[unit] ?? 0)
  if (!(ms > 0)) throw new UsageError(`the time ${time} is not like 90s, 15m, 8h or 7d`)
  return ms
}

const dataFolder = ({ data }: Pick<Values, 'data'>): string => data ?? process.env.REJOIN_DATA ?? '.rejoin'

function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`the port ${text} is no number from 0 to 65535`)
  return port
}

function toTtl(days: string | undefined): number | undefined {
  if (days === undefined || days === '') return undefined
  if (!/^\d+(\.\d+)?$/.test(days) || Number(days) === 0) throw new UsageError(`--ttl-days ${days} is no number of days`)
  return Number(days) * 24 * 60 * 60_000
}

function toPeers({ peer, mesh }: Values): string[] | undefined {
  const peers = peer ?? toList(process.env.REJOIN_PEER)
  return peers.length > 0 || mesh === true || process.env.REJOIN_MESH === '1' ? peers : undefined
}

function operatorToken(values: Values): string | undefined {
  const file = values['operator-token-file'] ?? process.env.REJOIN_OPERATOR_TOKEN_FILE
  return file === undefined ? undefined : readText(file, 'the token of operators').trim()
}

function toPeerSecret(values: Values): string | undefined {
  const file = values['peer-secret-file'] ?? process.env.REJOIN_PEER_SECRET_FILE
  return file === undefined ? undefined : readText(file, 'the secret of peers').trim()
}

const toList = (text: string | undefined): string[] => text?.split(',').filter((item) => item !== '') ?? []

function toLimits(settings: readonly string[]): Partial<RelayLimits> {
  return Object.fromEntries(
    settings.map((setting) => {
      const [, name, value] = /^(\w+)=(\d+)$/.exec(setting) ?? []
      if (name === undefined) throw new UsageError(`the limit ${setting} is not like documentsMax=1000`)
      return [name, Number(value)]
    }),
  )
}

/** The first signal stops in good order, the second at once. */
function stopOnSignals(relay: Relay, log: Log): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1)
    stopping = true
    log('info', 'stopping', { signal })
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
    relay.close().then(
      () => {
        log('info', 'stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log('error', 'the stop failed', errorFields(error))
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

const toStderr = (line: string): void => void process.stderr.write(`${line}\n`)

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) toStderr(`rejoin: ${error.message}\nTry: rejoin --help`)
  else if (error instanceof RejoinError) toStderr(`rejoin: ${error.message}`)
  else toStderr(`rejoin: ${error instanceof Error ? error.stack : String(error)}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
