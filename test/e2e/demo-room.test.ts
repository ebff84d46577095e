/** Fieldnotes on a device with little room: what leaves it, what stays, and what is said of both. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { seedNotebook } from '../../tools/seed.ts'
import {
  installed,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  rowOf,
  tells,
  textOf,
} from '../support/fieldnotes.ts'
import { until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const { browser, demo } = await launchDemo()

describe('little room', () => {
  test('[P2][P6] notes leave for the relay, but those that are kept here; they say so, and come back', async () => {
    const relay = await startRelayProcess({ pages: demo })
    await seedNotebook(relay.url, 30)
    const page = await openNotebookPage(await newProfile(browser), relay.url, 'Alice')
    await tells(page, { connection: 'synced' }, 'status-all')
    await installed(page)
    expect(await page.locator('.place-of').count(), 'nothing is worth a sign').toBe(0)
    await choose(page, 'Curlews, five winters', 'Keep on this device')
    await until('it is kept', async () => (await placeOf(page, 'Curlews, five winters')) === 'device')

    // Less than any of the choices, so that thirty notes are too many.
    await page.evaluate(() => localStorage.setItem('fieldnotes.room demo', '2000'))
    await page.reload()
    await until('notes left', async () => (await placeOf(page, 'Letter to the parish')) === 'relay', {
      seen: () => page.locator('.place-of').count(),
    })
    expect(await placeOf(page, 'Curlews, five winters')).toBe('device')
    const device = (): Promise<string> => page.getByTestId('device').innerText()
    await page.getByTestId('status-all').click()
    await until(
      'the panel counts them',
      async () => /\d+ documents, \d+ of them at the relay only, 1 always kept here/.test(await device()),
      { seen: device },
    )
    await page.keyboard.press('Escape')

    await relay.kill()
    await page.reload()
    await tells(page, { connection: 'offline' }, 'status-all')
    await rowOf(page, 'Letter to the parish').locator('a').click()
    const absent = page.getByText('This note is not on this device; it comes back when you are online.')
    await absent.waitFor()
    await tells(page, { label: 'At the relay only' })
    expect(await page.getByTestId('editor').count(), 'what is not here is not edited').toBe(0)
    await choose(page, 'Letter to the parish', 'Export as Markdown')
    await page.getByText('“Letter to the parish” is not on this device, and no relay is reached.').waitFor()
    await openByTitle(page, 'Curlews, five winters')
    await until('what was kept is here', async () => (await textOf(page)).includes('Peak counts'))

    await rowOf(page, 'Letter to the parish').locator('a').click()
    await absent.waitFor()
    await relay.start()
    await page.getByTestId('editor').waitFor()
    await until('it came back', async () => (await textOf(page)).includes('Dear Mr Hollis'))
    await until('it says so', async () => (await placeOf(page, 'Letter to the parish')) === undefined)

    await page.getByTestId('settings-button').click()
    await page.getByRole('radio', { name: 'Every note' }).check()
    await page.getByTestId('use-room').click()
    await until('every note is here', async () => (await page.locator('.place-of[data-at=relay]').count()) === 0)
    await page.getByTestId('status-all').click()
    await until('the panel says so', async () => /all of them here, 1 always kept here/.test(await device()), {
      seen: device,
    })
  })
})

/** The sign in the list, where there is one. */
const placeOf = async (page: Page, title: string): Promise<string | undefined> =>
  await rowOf(page, title)
    .locator('.place-of')
    .evaluateAll((signs) => signs.map((sign) => sign.getAttribute('data-at') ?? '')[0])

async function choose(page: Page, title: string, what: string): Promise<void> {
  await rowOf(page, title).hover()
  await rowOf(page, title).getByRole('button').click()
  await page.getByRole('menuitem', { name: what }).click()
}
