/** What operators run from the command line. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
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
