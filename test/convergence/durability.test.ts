/**
 * On the real relay: no acknowledgement leaves before its commit is on the disk (P2). Seen from outside where `strace` can be
 * used; from inside, at the store's and the socket's edge, everywhere.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Dial } from '../../client/connection/socket.ts'
import { openWorkspace } from '../../client/workspace.ts'
import { RELAY_LIMITS } from '../../server/relay/limits.ts'
import { createRelayCore, type RelayCore } from '../../server/relay/relay.ts'
import { openSqliteStore } from '../../server/storage/sqlite-file.ts'
import { systemEnvironment } from '../../shared/environment.ts'
import { decodeFrame } from '../../shared/wire/codec.ts'
import type { Message } from '../../shared/wire/messages.ts'
import { cleanUp, temporaryFolder, until } from '../support/lifetime.ts'
import { plainEnvironment } from '../support/plain-environment.ts'
import { orderOfWrites, STRACE_ARGS, straceMissing } from '../support/syscalls.ts'

const EDITS = 40
const CLI = fileURLToPath(new URL('../../server/cli.ts', import.meta.url))
const SAY = '1 write(21<TCP:[127.0.0.1:8787->127.0.0.1:5000]>, "ack"'
const missing = straceMissing()
if (missing !== undefined) console.warn(`[P2] the order of system calls is NOT checked on this machine: ${missing}`)

describe('the order of disk and network', () => {
  test('[P2] a relay tells of nothing that its store has not committed', async () => {
    let committed = 0
    let told = 0
    const early: string[] = []
    const store = openSqliteStore(join(temporaryFolder(), 'acme.db'))
    const core = createRelayCore({
      openStore: () => ({
        ...store,
        commit(batch) {
          store.commit(batch)
          committed = batch.entries.at(-1)?.offset ?? committed
        },
      }),
      environment: systemEnvironment,
      limits: RELAY_LIMITS,
      soon: setImmediate,
      report: (error) => expect.fail(String(error)),
      noted: () => {},
    })
    cleanUp(() => core.close())
    const dial = dialTo(core, (message) => {
      if (!('through' in message) || message.through === 0) return
      told++
      if (message.through > committed) early.push(`${message.type} through ${message.through} after ${committed}`)
    })
    const note = await openNote(dial)
    for (let i = 0; i < EDITS; i++) {
      note.doc.getText('text').insert(i, 'a')
      await note.saved('relay')
    }
    expect(early).toEqual([])
    expect(committed).toBeGreaterThanOrEqual(EDITS)
    expect(told).toBeGreaterThanOrEqual(EDITS)
  })

  test.each([
    ['a sync before', ['1 pwrite64(9</d/a.db-wal>, "x"', '1 fdatasync(9</d/a.db-wal>) = 0', SAY], 0],
    ['no sync', ['1 pwrite64(9</d/a.db-wal>, "x"', SAY], 1],
    ['a sync that failed', ['1 pwrite64(9</d/a.db-wal>, "x"', '1 fdatasync(9</d/a.db-wal>) = -1 EIO', SAY], 1],
    ['a sync too late', ['1 pwrite64(9</d/a.db-wal>, "x"', SAY, '1 fdatasync(9</d/a.db-wal>) = 0'], 1],
    ['a sync of another file', ['1 pwrite64(9</d/a.db-wal>, "x"', '1 fdatasync(8</d/a.db>) = 0', SAY], 1],
    [
      'a sync that had not returned',
      [
        '1 pwrite64(9</d/a.db-wal>, "x"',
        '1 fdatasync(9</d/a.db-wal> <unfinished ...>',
        SAY.replace('1', '2'),
        '1 <... fdatasync resumed>) = 0',
      ],
      1,
    ],
    [
      'a sync that returned, and of which another thread was told in between',
      [
        '1 pwrite64(9</d/a.db-wal>, "x"',
        '1 fdatasync(9</d/a.db-wal> <unfinished ...>',
        '2 write(5<pipe:[7]>, "x"',
        '1 <... fdatasync resumed>) = 0',
        SAY,
      ],
      0,
    ],
  ])('the reading of a trace sees %s', (_name, lines, early) => {
    expect(orderOfWrites(lines.join('\n')).saidTooEarly).toHaveLength(early)
  })

  test.skipIf(missing !== undefined)(
    `[P2] no ack leaves before its commit's fdatasync${missing === undefined ? '' : ` (NOT CHECKED: ${missing})`}`,
    async () => {
      const folder = temporaryFolder()
      const trace = join(folder, 'trace')
      const url = await startTraced(folder, trace)
      const before = orderOfWrites(readFileSync(trace, 'utf8'))
      const workspace = await openWorkspace({ id: 'acme', user: 'u', relays: [url], storage: 'memory' })
      const note = workspace.open('note')
      for (let i = 0; i < EDITS; i++) {
        note.doc.getText('text').insert(i, 'a')
        await note.saved('relay')
      }
      await workspace.close()
      await until(
        'the trace is written',
        () => orderOfWrites(readFileSync(trace, 'utf8')).logWrites - before.logWrites >= EDITS,
      )
      const order = orderOfWrites(readFileSync(trace, 'utf8'))
      expect(order.saidTooEarly).toEqual([])
      expect(order.logSyncs - before.logSyncs).toBeGreaterThanOrEqual(EDITS)
      expect(order.said - before.said).toBeGreaterThanOrEqual(EDITS)
    },
  )
})

async function openNote(dial: Dial) {
  const workspace = await openWorkspace({ id: 'acme', user: 'u', relays: ['ws://relay'], storage: 'memory', dial })
  cleanUp(() => workspace.close())
  return workspace.open('note')
}

/** Sockets to a relay in this process; `sees` what it says. */
function dialTo(core: RelayCore, sees: (message: Message) => void): Dial {
  return (_url, handlers) => {
    const later = (act: () => void): void => void setImmediate(act)
    const handler = core.sync('acme', {
      send(bytes) {
        for (const message of decodeFrame(bytes)) sees(message)
        later(() => handlers.received(bytes))
      },
      sendText: (text) => later(() => handlers.received(text)),
      buffered: () => 0,
      close: (code, reason) => later(() => handlers.closed(code, reason)),
    })
    later(() => handlers.opened())
    let open = true
    return {
      send: (data) => later(() => handler.received(data)),
      buffered: () => 0,
      close() {
        if (!open) return
        open = false
        handler.closed()
        later(() => handlers.closed(1000, ''))
      },
    }
  }
}

/** The relay in a process of its own under strace; resolves to its address. */
async function startTraced(folder: string, trace: string): Promise<string> {
  const relay = [process.execPath, CLI, 'relay', '--port', '0', '--data', join(folder, 'data')]
  const child = spawn('strace', [...STRACE_ARGS, '-o', trace, ...relay], {
    env: plainEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // strace passes no signal on: relay and strace are a group, which is told.
  cleanUp(async () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await gone
  })
  let stderr = ''
  const listening = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (text) => {
      stderr += text
      const [, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(stderr) ?? []
      if (port !== undefined) resolve(`ws://127.0.0.1:${port}`)
    })
    void gone.then(() => reject(new Error(`the relay ended: ${stderr}`)))
  })
  return listening
}
