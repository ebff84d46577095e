#!/usr/bin/env node
/** The command `rejoin`. Every option is also an environment variable; what is given on the command line wins. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { RejoinError } from '../shared/errors.ts'
import { createRelay, RELAY_LIMITS, type Relay, type RelayLimits } from './index.ts'
import { createLog, errorFields, type Log } from './log.ts'
import { findPackageRoot } from './runtime/package-root.ts'

const HELP = `rejoin: offline-first sync for Yjs

Usage: rejoin relay [options]     run a relay

  --port <number>           port to listen on; 0 takes a free one      REJOIN_PORT, PORT        8787
  --host <address>          loopback name or address                   REJOIN_HOST              127.0.0.1
  --data <folder>           where workspaces are stored                REJOIN_DATA              ./.rejoin
  --demo <folder>           page to serve at /                         REJOIN_DEMO              the demo, if built
  --allowed-origin <url>    page that may connect; repeat for more     REJOIN_ALLOWED_ORIGIN    (comma between)
  --limit <name>=<number>   a bound to change; repeat for more         REJOIN_LIMIT             (comma between)
                            ${Object.keys(RELAY_LIMITS).slice(0, 3).join(', ')},
                            ${Object.keys(RELAY_LIMITS).slice(3).join(', ')}
  --open-hint               say which page to open                     REJOIN_OPEN_HINT=1
  --help, --version

Events go to stderr: lines of JSON, or of text on a terminal. SIGTERM and SIGINT stop the relay without loss.
It ends with 0 after a stop, 1 after a failure, 2 for a command that it does not understand.
`

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  data: { type: 'string' },
  demo: { type: 'string' },
  'allowed-origin': { type: 'string', multiple: true },
  limit: { type: 'string', multiple: true },
  'open-hint': { type: 'boolean' },
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
  const { values, positionals } = parse(argv)
  if (values.version) return say(`rejoin ${findPackageRoot().version}\n`)
  if (values.help) return say(HELP)
  const [command, ...rest] = positionals
  if (command === undefined) throw new UsageError('a command is missing')
  if (command !== 'relay') throw new UsageError(`there is no command ${command}`)
  if (rest.length > 0) throw new UsageError(`${rest.join(' ')} is one argument too many`)
  await relay(values)
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
  const data = resolve(values.data ?? environment.REJOIN_DATA ?? '.rejoin')
  const log = createLog({ write: toStderr, human: process.stderr.isTTY === true, now: Date.now })
  const relay = createRelay({
    data,
    demo: values.demo ?? environment.REJOIN_DEMO ?? root.demo,
    allowedOrigins: values['allowed-origin'] ?? toList(environment.REJOIN_ALLOWED_ORIGIN),
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

function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`the port ${text} is no number from 0 to 65535`)
  return port
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

const say = (text: string): void => void process.stdout.write(text)
const toStderr = (line: string): void => void process.stderr.write(`${line}\n`)

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof UsageError) toStderr(`rejoin: ${error.message}\nTry: rejoin --help`)
  else if (error instanceof RejoinError) toStderr(`rejoin: ${error.message}`)
  else toStderr(`rejoin: ${error instanceof Error ? error.stack : String(error)}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
