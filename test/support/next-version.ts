/** The relay as its next version may be: the same code with one more version of the protocol, and one of the tables. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SCHEMA_VERSION } from '../../server/storage/schema.ts'
import { PROTOCOL_VERSION } from '../../shared/wire/version.ts'
import { temporaryFolder } from './lifetime.ts'

export const NEXT_SCHEMA_VERSION = SCHEMA_VERSION + 1

const ROOT = join(import.meta.dirname, '../..')

/** Returns its folder, with what bundles it: `wrangler.toml` has no demo. */
export function makeNextVersion(): string {
  const folder = temporaryFolder()
  for (const part of ['server', 'shared', 'test/workers'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  change(folder, 'shared/wire/version.ts', `VERSION = ${PROTOCOL_VERSION}\n`, `VERSION = ${PROTOCOL_VERSION + 1}\n`)
  const migrations = 'export const MIGRATIONS: readonly string[] = ['
  const table = 'ALTER TABLE documents ADD COLUMN next INTEGER NOT NULL DEFAULT 7; CREATE TABLE next (a)'
  // At the end of the list.
  change(folder, 'server/storage/schema.ts', migrations, `const NEXT = \`${table}\`\n${migrations}`)
  change(folder, 'server/storage/schema.ts', '`,\n]', '`,\n  NEXT,\n]')
  mkdirSync(join(folder, 'dist/demo'), { recursive: true })
  cpSync(join(ROOT, 'wrangler.toml'), join(folder, 'wrangler.toml'))
  return folder
}

/** Raises an error where that is not there once. */
function change(folder: string, path: string, from: string, to: string): void {
  const text = readFileSync(join(folder, path), 'utf8')
  if (text.split(from).length !== 2) throw new Error(`${path} does not hold ${JSON.stringify(from)} once`)
  writeFileSync(
    join(folder, path),
    text.replace(from, () => to),
  )
}
