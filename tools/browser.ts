/**
 * Sees to a Chromium for the browser tests: finds one, or installs one and says so. `node tools/browser.ts` prints which
 * one it is, or ends with 1 and the instruction what to do.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

export interface Places {
  /** `CHROMIUM` and `PATH` are read from it. */
  env: Readonly<Record<string, string | undefined>>
  /** Looked at after `PATH`, in this order. */
  usual: readonly string[]
}

/** A way to install a browser: commands that run one after another. */
export interface Installer {
  name: string
  commands: readonly (readonly string[])[]
}

const commandNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const usualPlaces = [
  ...['/usr/bin', '/usr/local/bin', '/snap/bin', '/opt/homebrew/bin'].flatMap((folder) =>
    commandNames.map((name) => join(folder, name)),
  ),
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  chromium.executablePath(),
]

/** Some start slowly the first time; a stub that waits for an answer must not hold the tests up. */
const versionTimeoutMs = 20_000

const instruction = [
  'The browser tests need Chromium or Google Chrome, and none was found that starts.',
  'Install one (Debian, Ubuntu: apt-get install chromium; any system: npx playwright-core install --with-deps chromium),',
  'or name one: CHROMIUM=/path/to/chromium npm test',
].join('\n')

const thisMachine: Places = { env: process.env, usual: usualPlaces }

/**
 * The executable of a browser that starts: what `CHROMIUM` names, else a system's Chromium or Chrome, else Playwright's.
 * Throws an `Error` where `CHROMIUM` names none: a wish is not silently replaced.
 */
export function findBrowser({ env, usual }: Places = thisMachine): string | undefined {
  if (env.CHROMIUM) {
    if (versionOf(env.CHROMIUM) !== undefined) return env.CHROMIUM
    throw new Error(`CHROMIUM names ${env.CHROMIUM}, which does not start as a browser`)
  }
  const onPath = (env.PATH ?? '').split(delimiter).flatMap((folder) => commandNames.map((name) => join(folder, name)))
  return [...onPath, ...usual].find((path) => versionOf(path) !== undefined)
}

/** `findBrowser`, which installs one where there is none. Throws an `Error` that says what to do where that fails. */
export function ensureBrowser(places: Places = thisMachine, installers: readonly Installer[] = thisMachines()): string {
  const found = findBrowser(places)
  if (found !== undefined) return found
  for (const installer of installers) {
    console.log(`No Chromium found. Installing one with ${installer.name}:`)
    if (!installer.commands.every(runs)) continue
    const installed = findBrowser(places)
    if (installed !== undefined) return installed
  }
  throw new Error(instruction)
}

/** What a browser says of itself; a missing file, a wrapper without its browser and a lacking library say nothing. */
function versionOf(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK)
    const text = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: versionTimeoutMs,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.match(/^.*Chrom.*$/m)?.[0].trim()
  } catch {
    return undefined
  }
}

function thisMachines(): Installer[] {
  const isRoot = process.getuid?.() === 0
  const playwright = [process.execPath, 'node_modules/playwright-core/cli.js', 'install', 'chromium', '--no-shell']
  if (!isRoot) return [{ name: 'playwright-core install', commands: [playwright] }]
  return [
    {
      name: 'apt-get',
      commands: [
        ['apt-get', 'update'],
        ['apt-get', 'install', '-y', '--no-install-recommends', 'chromium'],
      ],
    },
    { name: 'playwright-core install', commands: [[...playwright, '--with-deps']] },
  ]
}

function runs([command = '', ...args]: readonly string[]): boolean {
  console.log(`$ ${[command, ...args].join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error } = spawnSync(command, args, {
    cwd: join(import.meta.dirname, '..'),
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) console.error(`${command} failed: ${error?.message ?? `exit code ${status}`}`)
  return status === 0
}

if (import.meta.main) {
  try {
    const path = ensureBrowser()
    console.log(`Browser: ${versionOf(path)}, ${path}`)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
