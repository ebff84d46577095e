/** The network lab: a world in the page that parts and joins, and says so. */
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { launchDemo, newProfile, openNotebookPage } from '../support/fieldnotes.ts'
import { until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const { browser, demo } = await launchDemo()

describe('the network lab', () => {
  test('[P1][P10] parts where it is cut, keeps hints, and joins when it is healed, with no relay but its own', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const page = await openNotebookPage(await newProfile(browser), relay.url)
    await page.evaluate(async () => void (await navigator.serviceWorker.ready))
    // From here on it runs as from static hosting: what it needs is in the page.
    await relay.kill()
    await page.getByTestId('status-all').click()
    await page.getByTestId('open-lab').click()
    await says(page, /^All replicas hold the same/)
    const holds = async (name: string) =>
      (await page.locator(`.node[data-name="${name}"] .press`).getAttribute('aria-label')) ?? ''
    await until('everybody has written', async () => /A\d+ B\d+ C\d+ D\d+ E\d+/.test(await holds('r3')), {
      seen: () => holds('r3'),
    })

    await page.locator('.node[data-name="Ada"] .press').click()
    await page.locator('.node[data-name="r2"] .press').click()
    await says(page, /^Parted: \d versions among 8 replicas/)
    expect(await holds('r2')).toContain('stopped')
    expect(await holds('Ada')).toContain('offline')
    await until('others keep for it what it misses', async () =>
      (await page.locator('.owed').allTextContents()).some((owed) => /^\d+ kept$/.test(owed)),
    )

    await page.getByText('Everybody writes').click()
    await page.getByTestId('heal').click()
    await says(page, /^Joined: 8 replicas that held \d different versions hold one again/)
    const vectors = await Promise.all(['Ada', 'Ben', 'Cleo', 'Dov', 'Eve', 'r1', 'r2', 'r3'].map(holds))
    expect(new Set(vectors.map((label) => /holds (.*)\. Press/.exec(label)?.[1])).size).toBe(1)
    await until('the reconnect is measured', async () => (await page.locator('.costs tr').count()) > 1)
    const [cells] = await page
      .locator('.costs tr:nth-child(2)')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
    expect(cells?.[0]).toMatch(/^\w+ to R\d$/)
    expect(bytesOf(cells?.[2])).toBeLessThan(bytesOf(cells?.[3]))
  })
})

describe('faults in the lab', () => {
  test('[P3][P10] joins after slow ways, and after chaos', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const page = await openNotebookPage(await newProfile(browser), relay.url)
    await page.getByTestId('status-all').click()
    await page.getByTestId('open-lab').click()
    await says(page, /^All replicas hold the same/)
    await page.getByRole('radio', { name: 'Slow' }).check()
    const way = page.locator('.link[aria-label^="The way between Ada and"]').first()
    await way.press('Enter')
    await until('the way is slow', async () => (await way.getAttribute('data-state')) === 'slow')
    // What passes in less is not said to part them.
    await says(page, /^Parted: /)

    const chaos = page.getByTestId('chaos')
    await chaos.click()
    const faults = page.locator('.link:not([data-state="open"])')
    await until('chaos has come', async () => (await faults.count()) > 2)
    await page.getByText('Everybody writes').click()
    await until('it is over', async () => (await chaos.getAttribute('aria-disabled')) === 'false', { withinMs: 60_000 })
    await until('all is healed', async () => (await faults.count()) === 0)
    await says(page, /^Joined: 8 replicas/)
    const digests = (): Promise<string[]> => page.locator('.node.relay .node-within').allTextContents()
    await until('the digests meet', async () => new Set(await digests()).size === 1, { seen: digests })
    expect((await digests())[0]).toMatch(/^[\da-f]{5}$/)
  })
})

/** `1.2 kB` */
function bytesOf(words = ''): number {
  const [, value = '0', unit] = /^([\d.]+)\s(\w+)$/.exec(words) ?? []
  return Number(value) * (unit === 'kB' ? 1_000 : 1)
}

async function says(page: Page, what: RegExp): Promise<void> {
  const said = async (): Promise<string> => (await page.getByTestId('lab-verdict').textContent()) ?? ''
  await until(`the lab says ${what}`, async () => what.test(await said()), { withinMs: 90_000, seen: said })
}
