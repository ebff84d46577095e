/** What of this replica's own a relay takes for somebody else's: left to others for a while, and told if it stays so (P5). */
import { describe, expect, test } from 'vitest'
import type { Checking } from '../../../client/connection/checking.ts'
import type { Comparing } from '../../../client/connection/comparing.ts'
import type { Forking } from '../../../client/connection/forking.ts'
import type { Talk } from '../../../client/connection/host.ts'
import { createReceiving } from '../../../client/connection/receiving.ts'
import type { Sending } from '../../../client/connection/sending.ts'
import type { Refused } from '../../../shared/wire/messages.ts'
import { NOTE } from '../../support/stores.ts'

const OWN = 'a'.repeat(16)

/** A conversation whose relay refuses what is offered for as long as it does, as far as receiving knows of it. */
function begin() {
  const told: string[] = []
  let asked = 0
  let passed = 0
  const talk = {
    log: { replica: OWN },
    host: { hopeless: (document: string, code: string) => void told.push(`${document}: ${code}`) },
    offers: { leave: () => {} },
    environment: { now: () => passed },
    later: (work: () => Promise<void>) => void work(),
    differAgain: async () => void asked++,
  }
  const sending = { answered: () => undefined }
  // Of a conversation these are what it uses.
  const parts = [talk, sending, {}, {}, {}] as unknown as [Talk, Sending, Comparing, Forking, Checking]
  const receiving = createReceiving(...parts)
  return {
    told,
    asked: () => asked,
    refuse: (origin = OWN) => {
      const refused = { origin, seq: 1, request: 0, code: 'foreign', held: 0, detail: 'somebody else’s' } as const
      return receiving.refused({ type: 'refused', ...NOTE, ...refused } satisfies Refused)
    },
    pass(ms: number) {
      passed += ms
      receiving.tick()
    },
  }
}

describe('records of its own that are taken for somebody else’s', () => {
  test('[P5] are offered again after a minute, and told once if they are refused again', async () => {
    const { told, asked, refuse, pass } = begin()
    await refuse()
    pass(59_000)
    expect(asked()).toBe(0)
    pass(2_000)
    expect([asked(), told]).toEqual([1, []])
    await refuse()
    pass(2_000)
    await refuse()
    pass(120_000)
    expect([asked(), told]).toEqual([1, [`${NOTE.document}: foreign`]])
  })

  test('[P5] are not told where the relay has them by then, from a third', async () => {
    const { told, asked, refuse, pass } = begin()
    await refuse()
    pass(61_000)
    for (let i = 0; i < 10; i++) pass(60_000)
    expect([asked(), told]).toEqual([1, []])
  })

  test('[P5] are told of, not what others wrote that is left to them', async () => {
    const { told, asked, refuse, pass } = begin()
    const other = 'b'.repeat(16)
    await refuse(other)
    for (let i = 0; i < 3; i++) pass(61_000)
    expect([asked(), told]).toEqual([0, []])
    await refuse()
    pass(61_000)
    await refuse(other)
    expect([asked(), told]).toEqual([1, []])
  })
})
