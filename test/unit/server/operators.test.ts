/** What operators run from the command line. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { createRelay } from '../../../server/index.ts'
import { openDataFolder } from '../../../server/runtime/data-folder.ts'
import { rejoin } from './process.ts'
import { converged, startRelay, stockClient, synced, temporaryFolder, until } from './support.ts'

const run = async (...args: string[]) => rejoin(args).ended

it('[P2] a backup of a running relay is restored as another replica, which peers fill', async () => {
  const data = temporaryFolder()
  const a = await startRelay({ data, peers: [] })
  const writer = stockClient(`${a.socketUrl}/y/team`, 'note')
  writer.type('before')
  await synced(writer)
  const backup = join(temporaryFolder(), 'backup')
  expect(await run('backup', data, backup)).toMatchObject({ code: 0, stderr: '' })
  writer.type(' and after')
  expect((await run('backup', data, backup)).stderr).toContain('holds a backup already')
  const restored = temporaryFolder()
  expect(await run('restore', backup, restored)).toMatchObject({ code: 0, stderr: '' })
  expect((await run('restore', backup, restored)).stderr).toContain('restore into an empty folder')
  expect((await run('restore', backup, data)).stderr).toContain('another relay uses')
  const [was, is] = await Promise.all([run('inspect', data, '--json'), run('inspect', restored, '--json')])
  expect(JSON.parse(is.stdout)).toMatchObject({ workspace: 'team', documents: 1 })
  expect(JSON.parse(is.stdout).replica).not.toBe(JSON.parse(was.stdout).replica)
  const b = await startRelay({ data: restored, peers: [a.url] })
  const reader = stockClient(`${b.socketUrl}/y/team`, 'note')
  await converged([writer, reader], 'before and after')
})

it('a backup keeps who was turned out', async () => {
  const data = temporaryFolder()
  const relay = await startRelay({ data, auth: { secret: 'a secret of thirty-two bytes, or of more' } })
  relay.relay.revoke('mallory')
  const backup = join(temporaryFolder(), 'backup')
  const restored = temporaryFolder()
  expect(await run('backup', data, backup)).toMatchObject({ code: 0, stderr: '' })
  expect(await run('restore', backup, restored)).toMatchObject({ code: 0, stderr: '' })
  const folder = openDataFolder(restored)
  expect([...folder.revocations().keys()]).toEqual(['mallory'])
  folder.close()
})

it('[P5] says what to do where it is given what it cannot use', async () => {
  const folder = temporaryFolder()
  const file = (name: string, text: string) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  file('workspaces/acme.sqlite', 'this is no database, though it is longer than the header of one'.repeat(10))
  file('workspaces/100%.sqlite', 'a file of somebody else')
  const nowhere = join(folder, 'nowhere')
  const wrong: [args: string[], says: string][] = [
    [['relay', '--port', '0', '--auth-secret-file', file('empty', '\n')], 'there is no secret in'],
    [['relay', '--port', '0', '--auth-keys', 'http://'], 'is no URL of keys'],
    [['relay', '--port', '0', '--auth-keys', file('keys', '{}')], 'no JSON Web Key Set'],
    [['compact', nowhere], 'neither the data folder of a relay nor a backup'],
    [['inspect', folder], 'rejoin verify tells more'],
    [['backup', folder, join(folder, 'to')], 'rejoin verify tells more'],
  ]
  const ends = await Promise.all(wrong.map(([args]) => run(...args)))
  for (const [index, { code, stderr }] of ends.entries()) {
    expect(code).toBeGreaterThan(0)
    expect(stderr).toContain(wrong[index]?.[1])
    expect(stderr, 'no stack').not.toMatch(/\n\s+at /)
  }
  expect(existsSync(nowhere)).toBe(false)
  expect((await run('verify', folder)).stdout).toMatch(/^acme: /m)
})

it('lets go of a data folder for which its options were wrong', async () => {
  const data = temporaryFolder()
  expect(() => createRelay({ data, auth: { secret: 'short' } })).toThrow(/32/)
  await createRelay({ data }).close()
})

it('shows documents, what changes of them, and the mesh', async () => {
  const a = await startRelay({ peers: [] })
  const b = await startRelay({ peers: [a.url] })
  const writer = stockClient(`${a.socketUrl}/y/team`, 'notes/today')
  writer.type('hello')
  writer.doc.getMap('map').set('key', [1, { two: 2 }])
  writer.doc.getArray('array').push(['x'])
  await synced(writer)
  const shown = await run('cat', `${a.url}/team`, 'notes/today')
  expect(shown.stderr).toBe('')
  expect(JSON.parse(shown.stdout)).toEqual({ array: ['x'], map: { key: [1, { two: 2 }] }, text: 'hello' })
  const tail = rejoin(['tail', `${a.url}/sync/team`, 'notes/today'])
  let lines = ''
  tail.child.stdout?.on('data', (text) => {
    lines += text
  })
  await until('the document is there', () => lines.includes('"bytes"'))
  writer.type(' world')
  await until('the update is told', () => lines.trim().split('\n').length === 2)
  tail.child.kill('SIGKILL')
  await until('a and b know each other', () => a.relay.mesh()?.members[0]?.up === true)
  expect((await run('inspect', a.url)).stdout).toMatch(`peer ${b.url}: up, breaker closed`)
  expect(await run('cat', 'nonsense', 'note')).toMatchObject({ code: 1 })
  expect(await run('cat', 'http://127.0.0.1:1/team')).toMatchObject({ code: 2 })
})

it('[P5] under a Node that lacks what it needs a command says which one it wants, in its own words', async () => {
  const old = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })'
  const { code, stdout, stderr } = await rejoin(['--version'], {
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(old)}`,
  }).ended
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: 'rejoin: Node 22.13 or newer is needed; this is 20.20.2\n',
  })
  // A Node without SQLite links nothing that imports it: it is not to come to that.
  expect(readFileSync('server/cli.ts', 'utf8')).not.toMatch(/^import /m)
  expect(JSON.parse(readFileSync('package.json', 'utf8')).engines.node).toBe('>=22.13')
})
