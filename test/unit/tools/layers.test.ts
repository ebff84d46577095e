import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkLayers } from '../../../tools/layers.ts'

const project = join(import.meta.dirname, '../../..')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A project of its own in a temporary folder, with these files. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'rejoin-layers-'))
  folders.push(root)
  const exports = {
    '.': { types: './dist/client/index.d.ts', default: './dist/client/index.js' },
    './server': { types: './dist/server/index.d.ts', default: './dist/server/index.js' },
    './package.json': './package.json',
  }
  const all = { 'package.json': JSON.stringify({ name: 'rejoin', exports }), ...files }
  for (const [path, source] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), source)
  }
  return root
}

const check = (file: string, source: string) => checkLayers(tree({ [file]: source }))

describe('imports only point down', () => {
  it('finds nothing wrong in this project', () => {
    expect(checkLayers(project)).toEqual([])
  })

  it('accepts imports of the own room, of rooms below, and of the houses below', () => {
    const root = tree({
      'shared/hash.ts': "import './errors.ts'",
      'shared/update/log.ts':
        "import type { Chain } from '../causality/chain.ts'\nimport '../ids.ts'\nimport './piece.ts'",
      'shared/wire/codec.ts': "import '../update/record.ts'\nimport '../digest/bloom.ts'",
      'shared/sync/session.ts': "import '../wire/codec.ts'\nexport * from '../../shared/update/log.ts'",
      'client/replica/outbox.ts': "import '../../shared/sync/session.ts'",
      'client/tabs/leader.ts': "import '../replica/outbox.ts'\nimport '../connection/backoff.ts'",
      'client/document.ts': "import './tabs/leader.ts'\nimport 'yjs'\nimport 'lib0/encoding'",
      'client/index.ts': "export { openWorkspace } from './workspace.ts'",
      'server/relay/core.ts': "import '../storage/store.ts'",
      'server/app.ts': "import { Hono } from 'hono'\nimport './relay/core.ts'\nimport './auth.ts'",
      'server/runtime/node.ts': "import '../app.ts'\nimport 'node:http'\nimport 'ws'",
      'server/cli.ts': "import('./commands.ts')",
      'server/commands.ts':
        "import './runtime/node.ts'\nimport './index.ts'\nimport 'node:util'\nimport('../test/sim/command.ts')",
      'test/sim/world/world.ts': "import '../../../client/index.ts'\nimport '../../../server/relay/relay.ts'",
      'test/sim/command.ts': "import './simulate.ts'\nimport 'node:util'\nexport const app = import(process.argv[2])",
      'test/contract/store.ts': "import '../../server/storage/store.ts'\nimport 'vitest'",
      'demo/main.ts': "import '../client/index.ts'\nimport './style.css'\nimport 'rejoin'",
      'demo/vite.config.ts': "import 'node:path'",
    })
    expect(checkLayers(root)).toEqual([])
  })

  it.each([
    ['shared/ids.ts', '../shared/causality/chain.ts'],
    ['shared/causality/chain.ts', '../update/record.ts'],
    ['shared/update/log.ts', '../digest/bloom.ts'],
    ['shared/digest/bloom.ts', '../wire/codec.ts'],
    ['shared/wire/codec.ts', '../sync/session.ts'],
    ['client/replica/outbox.ts', '../connection/websocket.ts'],
    ['client/connection/backoff.ts', '../tabs/leader.ts'],
    ['client/tabs/leader.ts', '../document.ts'],
    ['client/status.ts', './index.ts'],
    ['server/storage/sqlite.ts', '../relay/core.ts'],
    ['server/relay/core.ts', '../app.ts'],
    ['server/auth.ts', './runtime/node.ts'],
    ['server/runtime/node.ts', '../cli.ts'],
  ])('refuses %s importing %s', (file, target) => {
    const [offending, ...more] = check(file, `\nimport '${target}'`)
    expect(offending).toContain(`${file}:2 import ${target}: imports only point down`)
    expect(more).toEqual([])
  })
})

describe('houses', () => {
  it.each([
    ['client/workspace.ts', '../server/index.ts', 'client imports only shared'],
    ['client/workspace.ts', 'rejoin/server', 'client imports only shared'],
    ['server/relay/core.ts', '../../client/replica/store.ts', 'server imports only shared'],
    ['server/app.ts', 'rejoin', 'server imports only shared'],
    ['shared/hash.ts', '../client/index.ts', 'shared imports nothing from outside'],
    ['shared/hash.ts', '../server/index.ts', 'shared imports nothing from outside'],
    ['demo/main.ts', '../client/workspace.ts', 'demo imports only client/index.ts'],
    ['demo/main.ts', '../shared/ids.ts', 'demo imports only client/index.ts'],
    ['demo/main.ts', 'rejoin/server', 'demo imports only client/index.ts'],
    ['shared/hash.ts', '../test/support/net.ts', 'test/support/net.ts is in no room'],
    ['client/workspace.ts', './somewhere/else.ts', 'client/somewhere/else.ts is in no room'],
    ['client/somewhere/else.ts', './other.ts', 'client/somewhere/else.ts is in no room'],
  ])('refuses %s importing %s', (file, target, rule) => {
    const [offending, ...more] = check(file, `import '${target}'`)
    expect(offending).toContain(`${file}:1 import ${target}: ${rule}`)
    expect(more).toEqual([])
  })
})

describe('platform names', () => {
  it.each([
    ['shared/hash.ts', 'node:crypto'],
    ['client/workspace.ts', 'node:fs/promises'],
    ['client/connection/websocket.ts', 'ws'],
    ['server/app.ts', '@hono/node-server'],
    ['server/app.ts', '@hono/node-server/serve-static'],
    ['server/storage/memory.ts', 'node:sqlite'],
    ['server/relay/core.ts', 'ws/wrapper.mjs'],
    ['client/replica/outbox.ts', 'idb'],
    ['client/workspace.ts', 'idb/with-async-ittr'],
  ])('refuses %s importing %s', (file, module) => {
    const [offending, ...more] = check(file, `import '${module}'`)
    expect(offending).toContain(`${file}:1 import ${module}: only for `)
    expect(more).toEqual([])
  })

  it('keeps IndexedDB, also as a global, in its one file', () => {
    const source = "import { openDB } from 'idb'\nexport const has = typeof globalThis.indexedDB !== 'undefined'"
    expect(check('client/replica/indexeddb.ts', source)).toEqual([])
    expect(check('client/workspace.ts', "const storage = 'indexedDB' // indexedDB")).toEqual([])
    expect(check('client/workspace.ts', 'indexedDB.open("x")')).toEqual([
      'client/workspace.ts:1 identifier indexedDB: only for client/replica/indexeddb.ts, client/replica/y-indexeddb.ts',
    ])
  })

  it('does not take a name that only begins alike', () => {
    expect(check('client/workspace.ts', "import 'idb-keyval'\nimport 'wsx'\nimport '@hono/node-server-more'")).toEqual(
      [],
    )
  })
})

describe('every way to import', () => {
  it.each([
    ["import { x } from '../server/app.ts'"],
    ["import type { X } from '../server/app.ts'"],
    ["import {\n  x,\n  y,\n} from '../server/app.ts'"],
    ["export { x } from '../server/app.ts'"],
    ["export * from '../server/app.ts'"],
    ["const x = await import('../server/app.ts')"],
    ['const x = await import(/* why */ `../server/app.ts`)'],
    ["type X = import('../server/app.ts').X"],
    ["import x = require('../server/app.ts')"],
  ])('sees %j', (source) => {
    expect(check('client/workspace.ts', source)).toHaveLength(1)
  })

  it('refuses a computed import, which nobody can check', () => {
    expect(check('client/workspace.ts', 'await import(name)')).toEqual([
      'client/workspace.ts:1 import (computed): a computed import cannot be checked',
    ])
  })

  it('takes no comment and no string for an import', () => {
    const source = `// import '../server/app.ts'\n/* import '../server/app.ts' */\nconst text = "import '../server/app.ts'"`
    expect(check('client/workspace.ts', source)).toEqual([])
  })

  it('says so when a file does not parse', () => {
    expect(() => check('client/workspace.ts', 'import {')).toThrow('client/workspace.ts does not parse')
  })
})
