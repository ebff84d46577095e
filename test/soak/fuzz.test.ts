/** A million hostile inputs, and sockets that send what no WebSocket would. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FuzzReport } from '../support/fuzz.ts'
import { cleanUp } from '../support/lifetime.ts'
import { type Random, seeded } from '../support/random.ts'
import { seedOfTest } from '../support/seed.ts'
import { converged, startRelay, stockClient } from '../unit/server/support.ts'

const RUN = join(import.meta.dirname, '../support/fuzz-run.ts')
const CASES = Number(process.env.REJOIN_FUZZ_CASES ?? 1_000_000)
const CASES_PER_PROCESS = 50_000
const SOCKETS = 2_000
/** Some hundred cases take less than a second: who says nothing for so long hangs. */
const SILENCE_MS_MAX = 30_000

describe(`${CASES} hostile inputs`, () => {
  test('[P7][P9] 0 hangs, 0 crashes, at most 50 ms and 32 MiB each', async () => {
    const seed = seedOfTest()
    let [done, slowestMs, largestBytes] = [0, 0, 0]
    for (; done < CASES; done += CASES_PER_PROCESS) {
      const report = await runFuzz(seed + done, CASES_PER_PROCESS)
      expect(report.failures).toEqual([])
      slowestMs = Math.max(slowestMs, report.slowestMs)
      largestBytes = Math.max(largestBytes, report.largestBytes)
    }
    const told = `${slowestMs.toFixed(1)} ms the slowest, ${(largestBytes / 2 ** 20).toFixed(1)} MiB the largest`
    console.log(`${done} cases from seed ${seed}: ${told}`)
  })

  test(`[P9] ${SOCKETS} sockets that break the WebSocket protocol, while others write`, async () => {
    const random = seeded(seedOfTest())
    const relay = await startRelay()
    const [alice, bob] = [
      stockClient(`${relay.socketUrl}/y/acme`, 'note'),
      stockClient(`${relay.socketUrl}/y/acme`, 'note'),
    ]
    let text = ''
    for (let n = 0; n < SOCKETS; n += 100) {
      await Promise.all(Array.from({ length: 100 }, () => misbehave(Number(new URL(relay.url).port), random)))
      text += 'x'
      alice.type('x')
      await converged([alice, bob], text)
    }
    expect(relay.errors).toEqual([])
  })
})

function runFuzz(seed: number, cases: number): Promise<FuzzReport> {
  const child = spawn(process.execPath, [RUN, String(seed), String(cases)], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanUp(() => void child.kill('SIGKILL'))
  const { promise, resolve, reject } = Promise.withResolvers<FuzzReport>()
  let last = ''
  const silent = (): void => {
    child.kill('SIGKILL')
    reject(new Error(`seed ${seed} hangs after case ${last}`))
  }
  let timer = setTimeout(silent, SILENCE_MS_MAX)
  let rest = ''
  child.stdout.on('data', (data: Buffer) => {
    clearTimeout(timer)
    timer = setTimeout(silent, SILENCE_MS_MAX)
    const lines = (rest + data.toString()).split('\n')
    rest = lines.pop() ?? ''
    last = lines.at(-1) ?? last
  })
  child.on('close', (code) => {
    clearTimeout(timer)
    if (code === 0) resolve(JSON.parse(last))
    else reject(new Error(`seed ${seed} ended with ${code} after case ${last}`))
  })
  return promise
}

/** Opens a WebSocket by hand and sends frames whose heads say what they like, until it is cut or has said enough. */
function misbehave(port: number, random: Random): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const path = random(2) === 0 ? '/sync/acme' : '/y/acme/note'
  const socket = connect(port, '127.0.0.1')
  const timer = setTimeout(() => socket.destroy(), 2_000)
  socket.on('error', () => {})
  socket.on('close', () => {
    clearTimeout(timer)
    resolve()
  })
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  socket.once('data', () => {
    for (let frames = 1 + random(20); frames > 0; frames--) socket.write(frame(random))
    if (random(3) === 0) socket.resetAndDestroy()
    else socket.end()
  })
  return promise
}

function frame(random: Random): Uint8Array {
  const payload = Uint8Array.from({ length: random(300) }, () => random(256))
  const first = random(4) === 0 ? random(256) : 0x82
  const length = random(4) === 0 ? random(2 ** 16) : payload.length
  const head = Uint8Array.from([first, 0xfe, length >> 8, length & 255, 0, 0, 0, 0])
  return Buffer.concat([head, payload])
}
