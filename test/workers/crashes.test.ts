import { describe, expect, test } from 'vitest'
import { startWranglerProcess } from '../support/wrangler-process.ts'
import { startClient } from '../unit/client/support.ts'
import { stockClient, until } from '../unit/server/support.ts'

const WORDS = 40
const ROUNDS = 3

describe('wrangler and workerd that are killed', () => {
  test('[P2] lose nothing that they acknowledged, and clients go on', async () => {
    const relay = await startWranglerProcess()
    const ada = await startClient(relay, { id: 'killed' })
    const note = ada.open()
    let acknowledged = ''
    /** Types without waiting, and takes down what was acknowledged. */
    function type(from: number, to: number): void {
      for (let i = from; i < to; i++) {
        note.type(`${i} `)
        const text = note.read()
        note.saved('relay').then(
          () => {
            if (text.length > acknowledged.length) acknowledged = text
          },
          () => {},
        )
      }
    }
    for (let round = 0; round < ROUNDS; round++) {
      type(2 * round * WORDS, (2 * round + 1) * WORDS)
      const known = acknowledged
      await until('something is acknowledged', () => acknowledged !== known)
      type((2 * round + 1) * WORDS, (2 * round + 2) * WORDS)
      await relay.kill()
      const before = acknowledged
      await relay.start()
      const reader = stockClient(`${relay.socketUrl}/y/killed`, 'note')
      await until('who comes for the first time reads it', () => reader.text.toString().startsWith(before))
      await until('all is acknowledged', () => acknowledged === note.read(), 30_000)
      await until('all is read', () => reader.text.toString() === note.read(), 30_000)
    }
    expect(ada.errors).toEqual([])
  })
})
