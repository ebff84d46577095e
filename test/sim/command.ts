/** `rejoin simulate`: worlds from the command line, with progress, figures, and for every failure how to see it again. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { EDIT_KINDS, type EditKind } from './edits/editor.ts'
import { FAULT_GROUPS, FAULT_KINDS, type FaultKind } from './faults/index.ts'
import { simulateInJobs, type WorldModule } from './jobs.ts'
import { createReport } from './report.ts'
import type { SimulateOptions } from './run/options.ts'
import { listSeeds, simulate } from './simulate.ts'

const HELP = `Usage: rejoin simulate [options]     run simulated worlds of clients and relays, each from a seed

  --seeds <number>              how many                                            100
  --first-seed <number>         the first of them                                   1
  --seed <number>               only this one
  --replicas <number>           clients                                             4
  --relays <number>                                                                 2
  --mesh                        relays gossip with one another                      no
  --folds                       logs are folded after few records                   no
  --documents <number>          that every client has open                          2
  --seconds <number>            virtual time of edits and faults                    60
  --edits-per-minute <number>   times that a client edits                           30
  --faults-per-minute <number>                                                      12
  --faults <kind,kind>          kinds or groups of faults; 'none' for none          all that heal
  --edits <kind,kind>           ${EDIT_KINDS.join(', ')}${' '.repeat(30)}some by seed
  --app <module>                your own { actions, invariant, content }; see docs/testing.md
  --shrink <number>             runs in search of fewer steps of a failure          100
  --jobs <number>               seeds at once, each in a process of its own         as the machine can, 1 with --trace
  --trace                       tell everything that happens (best with --seed)
  --help

Faults: ${wrap(FAULT_KINDS.map(toFlag))}
Groups: ${wrap(Object.keys(FAULT_GROUPS))}

It ends with 0 where all seeds hold, 1 where one fails, 2 for a command that it does not understand.
`

const OPTIONS = {
  seeds: { type: 'string' },
  'first-seed': { type: 'string' },
  seed: { type: 'string' },
  replicas: { type: 'string' },
  relays: { type: 'string' },
  mesh: { type: 'boolean' },
  folds: { type: 'boolean' },
  documents: { type: 'string' },
  seconds: { type: 'string' },
  'edits-per-minute': { type: 'string' },
  'faults-per-minute': { type: 'string' },
  faults: { type: 'string' },
  edits: { type: 'string' },
  app: { type: 'string' },
  shrink: { type: 'string' },
  jobs: { type: 'string' },
  trace: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What of the command line describes the world: it is repeated word for word to see a failure again. */
const WORLD_FLAGS = [
  'replicas',
  'relays',
  'mesh',
  'folds',
  'documents',
  'seconds',
  'edits-per-minute',
  'faults-per-minute',
  'faults',
  'edits',
  'app',
] as const

export interface SimulateCommandOptions {
  /** Takes a line of output. */
  say?(line: string): void
}

class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Runs the command with what comes after its name; resolves to the exit code. */
export async function runSimulate(
  argv: readonly string[],
  { say = (line) => void process.stdout.write(`${line}\n`) }: SimulateCommandOptions = {},
): Promise<number> {
  try {
    const values = parse(argv)
    if (values.help) {
      say(HELP)
      return 0
    }
    return await run(argv, values, say)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    say(`rejoin simulate: ${error.message}\nTry: rejoin simulate --help`)
    return 2
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Values = ReturnType<typeof parse>

async function run(argv: readonly string[], values: Values, say: (line: string) => void): Promise<number> {
  const options = await toOptions(values)
  const seeds = listSeeds(options)
  const jobs = Math.min(toJobs(values), seeds.length)
  const report = createReport({ total: seeds.length, say })
  const listeners: Pick<SimulateOptions, 'progress' | 'failed'> = {
    progress: (each) => report.ran(each),
    failed: (failure) => report.failed(failure, repeatCommand(values, failure.seed)),
  }
  const result = values.trace
    ? await simulate({ ...options, ...listeners, trace: say })
    : await simulateInJobs({ ...listeners, jobs, seeds, world: import.meta.url, argv })
  report.end(result)
  return result.failures.length === 0 ? 0 : 1
}

function toJobs({ jobs, trace }: Values): number {
  if (jobs === undefined) return trace ? 1 : availableParallelism()
  const count = toNumber('jobs', jobs)
  if (count === 0) throw new UsageError('--jobs 0 runs nothing')
  if (trace && count > 1) throw new UsageError('--trace tells of one seed after the other: leave out --jobs')
  return count
}

/** The world of a command line, for each of its processes (see `jobs.ts`). */
export const worldOf: WorldModule['worldOf'] = (_seed, argv) => toOptions(parse(argv))

async function toOptions(values: Values): Promise<SimulateOptions> {
  const one = values.seed === undefined ? undefined : toNumber('seed', values.seed)
  const seconds = optionalNumber('seconds', values.seconds)
  return {
    ...(values.mesh ? { mesh: true } : {}),
    ...(values.folds ? { folds: true } : {}),
    seeds: one === undefined ? (optionalNumber('seeds', values.seeds) ?? 100) : [one],
    ...defined({
      firstSeed: optionalNumber('first-seed', values['first-seed']),
      replicas: optionalNumber('replicas', values.replicas),
      relays: optionalNumber('relays', values.relays),
      documents: optionalNumber('documents', values.documents),
      durationMs: seconds === undefined ? undefined : seconds * 1000,
      editsPerMinute: optionalRate('edits-per-minute', values['edits-per-minute']),
      faultsPerMinute: optionalRate('faults-per-minute', values['faults-per-minute']),
      shrinkRunsMax: optionalNumber('shrink', values.shrink),
      faults: values.faults === undefined ? undefined : toFaults(values.faults),
      edits: values.edits === undefined ? undefined : toEdits(values.edits),
    }),
    ...(values.app === undefined ? {} : await loadApp(values.app)),
  }
}

/** An option that is there and `undefined` would hide its default. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}

function toNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} ${text} is no whole number`)
  return Number(text)
}

const optionalNumber = (name: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : toNumber(name, text)

/** Many clients together edit often where each does so once in several minutes. */
function optionalRate(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,10}(\.\d{1,10})?$/.test(text)) throw new UsageError(`--${name} ${text} is no number`)
  return Number(text)
}

function toFlag(kind: string): string {
  return kind.replaceAll(' ', '-')
}

function toFaults(text: string): FaultKind[] {
  if (text === 'none') return []
  const kinds = text.split(',').flatMap((name) => {
    const named = FAULT_KINDS.filter((kind) => toFlag(kind) === toFlag(name))
    const found = FAULT_GROUPS[name] ?? named
    if (found.length === 0) throw new UsageError(`there is no fault ${JSON.stringify(name)}`)
    return found
  })
  return [...new Set(kinds)]
}

function toEdits(text: string): EditKind[] {
  return text.split(',').map((name) => {
    const found = EDIT_KINDS.find((kind) => kind === name)
    if (found === undefined) throw new UsageError(`there are no edits ${JSON.stringify(name)}`)
    return found
  })
}

/** The app's part of a simulation: what its module exports as default, or by name. */
async function loadApp(path: string): Promise<Partial<SimulateOptions>> {
  if (!existsSync(resolve(path))) throw new UsageError(`there is no ${path}`)
  const module = await import(pathToFileURL(resolve(path)).href)
  const { actions, invariant, content } = module.default ?? module
  if (typeof actions !== 'object' || actions === null) throw new UsageError(`${path} exports no actions`)
  return { actions, ...defined({ invariant, content }) }
}

function repeatCommand(values: Values, seed: number): string {
  const flags = WORLD_FLAGS.flatMap((name) => flagOf(name, values[name]))
  return ['npx rejoin simulate', `--seed ${seed}`, ...flags].join(' ')
}

function flagOf(name: string, value: string | boolean | undefined): string[] {
  if (value === undefined || value === false) return []
  return [value === true ? `--${name}` : `--${name} ${quote(value)}`]
}

const quote = (text: string): string => (/^[\w.,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

function wrap(names: readonly string[]): string {
  const lines: string[] = ['']
  for (const name of names) {
    if ((lines.at(-1) ?? '').length + name.length > 100) lines.push('')
    lines[lines.length - 1] += `${lines.at(-1) === '' ? '' : ', '}${name}`
  }
  return lines.join(',\n        ')
}
