/** Fifty leaders of five tabs that all write are ended, one after the other. */
import { expect, test } from 'vitest'
import { launchPages } from '../support/pages.ts'
import { seedOfTest } from '../support/seed.ts'
import { leadersAreEnded } from '../support/tab-leaders.ts'

const ENDED = 50

const { browser, pages } = await launchPages()

test(`[P2][P11] five tabs lose nothing and have one connection while their leader is killed ${ENDED} times`, async () => {
  const { takenOverMs, told } = await leadersAreEnded(browser, pages, seedOfTest(), ENDED, ['close', 'crash'])
  const times = [...takenOverMs].map(([ending, ms]) => `${ending} ${Math.round(ms)} ms`)
  console.log(`${told} edits told as saved; taken over at the latest after ${times.join(', ')}`)
  expect(told).toBeGreaterThan(ENDED * 10)
})
