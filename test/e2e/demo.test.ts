/** The demo as people use it: notes and boards together with others, and what it says of how safe they are. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { seedNotebook } from '../../tools/seed.ts'
import {
  createBoard,
  createNote,
  launchDemo,
  newProfile,
  openByTitle,
  openNotebookPage,
  rowOf,
  shows,
  showsCards,
  statusOf,
  tells,
  titlesIn,
  type,
} from '../support/fieldnotes.ts'
import { temporaryFolder, until } from '../support/lifetime.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const { browser, demo } = await launchDemo()

describe('a note', () => {
  test('[P1] two people type into one note and see the text, name and cursor of each other', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createNote(alice, 'Plans', 'Hello from Alice. ')
    await openByTitle(bob, 'Plans')
    await shows(bob, 'Hello from Alice. ')
    await type(bob, 'And from Bob.')
    await shows(alice, 'Hello from Alice. And from Bob.')
    await showsCursorOf(alice, 'Bob')
    await showsCursorOf(bob, 'Alice')
    await alice.getByTestId('people').locator('.avatar[title=Bob]').waitFor()

    // Both at once, at the two ends.
    await alice.keyboard.press('Control+Home')
    await Promise.all([alice.keyboard.type('1 '), bob.keyboard.type(' 2')])
    for (const page of [alice, bob]) await shows(page, '1 Hello from Alice. And from Bob. 2')

    await alice.keyboard.press('Control+z')
    for (const page of [alice, bob]) await shows(page, 'Hello from Alice. And from Bob. 2')
    await bob.close()
    await until('his cursor is gone', async () => !(await cursors(alice)).includes('Bob'))
  })

  test('[P2][P5] the indicator tells relay, device while the relay is away, and relay again', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createNote(alice, 'Safe', 'one ')
    await tells(alice, { receipt: 'relay', connection: 'synced', unacknowledged: '0', label: 'At the relay' })
    await openByTitle(bob, 'Safe')
    await relay.kill()
    await type(alice, 'two ')
    await tells(alice, { receipt: 'device', tone: 'kept' })
    await until('it says what waits', async () =>
      /^On this device · \d+ waiting$/.test((await statusOf(alice)).label ?? ''),
    )
    expect(Number((await statusOf(alice)).unacknowledged)).toBeGreaterThan(0)
    await alice.getByTestId('status').click()
    await alice.getByText('will be sent when a relay can be reached').first().waitFor()
    await alice.keyboard.press('Escape')
    await relay.start()
    await tells(alice, { receipt: 'relay', connection: 'synced', unacknowledged: '0', label: 'At the relay' })
    await shows(bob, 'one two ')
  })

  test('[P4] reading a note is no edit, whatever it ends with and whoever wrote it', async () => {
    const relay = await startRelayProcess({ pages: demo })
    await seedNotebook(relay.url, 30)
    const bob = await open(relay.url, 'Bob')
    await tells(bob, { connection: 'synced', unacknowledged: '0' }, 'status-all')
    await bob.evaluate(() => window.rejoin?.workspace.disconnect())
    for (const title of ['Start here', 'Curlews, five winters', 'Salad of white beans', 'Spring count']) {
      await bob.getByTestId('search').fill(title)
      await openByTitle(bob, title)
      await bob.locator('.paper').click()
      await bob.keyboard.press('Control+End')
      expect(await statusOf(bob)).toMatchObject({ connection: 'offline', unacknowledged: '0' })
    }
  })

  test('headings, check lists and links come out of what is typed, and the card counts what is done', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const alice = await open(relay.url, 'Alice')
    await createNote(alice, 'List', '# Top\n- [ ] first\nsecond\n\nSee https://example.com now')
    const editor = alice.getByTestId('editor')
    await editor.locator('h1', { hasText: 'Top' }).waitFor()
    expect(await editor.locator('a').getAttribute('href')).toBe('https://example.com')
    expect(await editor.getByRole('checkbox').count()).toBe(2)
    await editor.getByRole('checkbox').first().check()
    await rowOf(alice, 'List').locator('.tasks', { hasText: '1/2' }).waitFor()
    await alice.getByTestId('tool-undo').click()
    await until('the check is undone', async () => !(await editor.getByRole('checkbox').first().isChecked()))
  })
})

describe('links', () => {
  test('an address becomes a link at a space, at the end of a line, and where it is pasted among words', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const alice = await open(relay.url, 'Alice')
    await createNote(alice, 'Links', 'see www.example.org/a, and (https://example.com/b).')
    await alice.keyboard.press('Enter')
    await alice.keyboard.type('plain ')
    const editor = alice.getByTestId('editor')
    const links = (): Promise<string[]> =>
      editor.locator('a').evaluateAll((all) => all.map((link) => `${link.textContent} ${link.getAttribute('href')}`))
    const typed = ['www.example.org/a https://www.example.org/a', 'https://example.com/b https://example.com/b']
    await until('both are links', async () => JSON.stringify(await links()) === JSON.stringify(typed), { seen: links })
    expect(await editor.locator('p').count()).toBe(2)
    await editor.evaluate((element) => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', 'from https://example.net/c?d=1 and nowhere')
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    })
    await until(
      'the pasted one too',
      async () => (await links())[2] === 'https://example.net/c?d=1 https://example.net/c?d=1',
      {
        seen: links,
      },
    )
    expect(await editor.locator('p').nth(1).textContent()).toBe('plain from https://example.net/c?d=1 and nowhere')
  })
})

describe('files', () => {
  test('what is exported as Markdown is the same note when it is imported', async () => {
    const relay = await startRelayProcess({ pages: demo })
    await seedNotebook(relay.url, 3)
    const alice = await open(relay.url, 'Alice')
    const html = async (): Promise<string> =>
      (await alice.getByTestId('editor').innerHTML()).replace(/ style="[^"]*"/g, '')
    // A note is opened as far as it is here.
    await tells(alice, { connection: 'synced' }, 'status-all')
    await openByTitle(alice, 'Start here')
    const before = await html()
    await alice.getByTestId('note-menu').click()
    const downloaded = alice.waitForEvent('download')
    await alice.getByRole('menuitem', { name: 'Export as Markdown' }).click()
    const path = join(temporaryFolder(), 'Copy.md')
    await (await downloaded).saveAs(path)
    writeFileSync(path, readFileSync(path, 'utf8').replace('# Start here', '# Copy'))
    await alice.getByTestId('settings-button').click()
    await alice.getByTestId('import-file').setInputFiles(path)
    await alice.getByText('1 note imported.').waitFor()
    await alice.keyboard.press('Escape')
    await openByTitle(alice, 'Copy')
    await until('it reads the same', async () => (await html()) === before, { seen: html })
    expect(before).toContain('<h2>')
  })
})

describe('the list', () => {
  test('[P1] creates, renames and deletes notes with undo, and the other sees it', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createNote(alice, 'First')
    await createNote(alice, 'Second')
    await lists(bob, ['Second', 'First'])
    await rowOf(bob, 'First').getByRole('button').click()
    await bob.getByRole('menuitem', { name: 'Rename' }).click()
    await bob.getByTestId('rename').fill('Renamed')
    await bob.getByTestId('rename').press('Enter')
    await lists(alice, ['Renamed', 'Second'])
    await rowOf(alice, 'Second').locator('a').focus()
    await alice.keyboard.press('Delete')
    await lists(bob, ['Renamed'])
    await alice.getByRole('button', { name: 'Undo' }).last().click()
    await lists(bob, ['Renamed', 'Second'])
  })

  test('[P2] a deleted note can be restored from the bin, and is gone everywhere once deleted for ever', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createNote(alice, 'Draft', 'words')
    await openByTitle(bob, 'Draft')
    await rowOf(alice, 'Draft').locator('a').press('Delete')
    await alice.getByTestId('settings-button').click()
    await alice.getByRole('button', { name: 'Delete “Draft” for ever' }).click()
    await alice.getByRole('button', { name: 'Delete for ever, everywhere' }).click()
    await alice.getByText('The bin is empty.').waitFor()
    await lists(bob, [])
    await bob.getByText('was deleted elsewhere').waitFor()
  })

  test('finds notes by what is in them', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const alice = await open(relay.url, 'Alice')
    const filler = 'much is said before the word that counts. '.repeat(8)
    await createNote(alice, 'Birds', `${filler}\nan avocet`)
    await createNote(alice, 'Bread', 'flour and water')
    await lists(alice, ['Bread', 'Birds'])
    await alice.keyboard.press('Control+k')
    await alice.keyboard.type('AVOCET')
    await lists(alice, ['Birds'])
    await alice.getByTestId('search').fill('nowhere')
    await alice.getByText('Nothing says “nowhere”.').waitFor()
  })

  test('a shared link opens the note, and who is there is seen in the list', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const alice = await open(relay.url, 'Alice')
    await createNote(alice, 'Shared', 'hello')
    await tells(alice, { receipt: 'relay' })
    const bob = await openNotebookPage(await newProfile(browser), alice.url())
    await shows(bob, 'hello')
    await rowOf(bob, 'Shared').locator('.avatar').waitFor()
  })
})

describe('a board', () => {
  test('[P1] cards move by mouse and keyboard, and both see the same', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createBoard(alice, 'Work')
    await alice.getByTestId('add-card').first().click()
    await alice.keyboard.type('one\ntwo\nthree\n')
    await alice.keyboard.press('Escape')
    await openByTitle(bob, 'Work')
    await showsCards(bob, ['one, two, three', '', ''])

    await drag(alice, 'one', 1)
    await showsCards(bob, ['two, three', 'one', ''])
    await card(bob, 'three').focus()
    for (const key of ['Space', 'ArrowUp', 'ArrowRight', 'Space']) await bob.keyboard.press(key)
    await showsCards(alice, ['two', 'three, one', ''])
    await bob.keyboard.press('Control+z')
    await showsCards(alice, ['three, two', 'one', ''])
  })

  test('[P1] a card that two people move at once is there once', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const [alice, bob] = [await open(relay.url, 'Alice'), await open(relay.url, 'Bob')]
    await createBoard(alice, 'Work')
    await alice.getByTestId('add-card').first().click()
    await alice.keyboard.type('one\n')
    await openByTitle(bob, 'Work')
    await showsCards(bob, ['one', '', ''])
    await relay.kill()
    await drag(alice, 'one', 1)
    await drag(bob, 'one', 2)
    await showsCards(alice, ['', 'one', ''])
    await showsCards(bob, ['', '', 'one'])
    await relay.start()
    const same = async (): Promise<boolean> => (await columnsOf(alice)) === (await columnsOf(bob))
    await until('both see the same', same)
    expect((await columnsOf(alice)).replaceAll(',', '')).toBe('one')
  })

  test('a finger that holds drags a card', async () => {
    const relay = await startRelayProcess({ pages: demo })
    const phone = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } }
    const alice = await openNotebookPage(await newProfile(browser, phone), relay.url)
    await createBoard(alice, 'Work')
    await alice.getByTestId('add-card').first().tap()
    await alice.keyboard.type('one\ntwo\n')
    await alice.keyboard.press('Escape')
    const [from, to] = [await card(alice, 'two').boundingBox(), await card(alice, 'one').boundingBox()]
    if (from === null || to === null) throw new Error('no cards')
    const touches = await alice.context().newCDPSession(alice)
    const at = (x: number, y: number) => ({ touchPoints: [{ x, y }] })
    await touches.send('Input.dispatchTouchEvent', { type: 'touchStart', ...at(from.x + 20, from.y + 20) })
    await alice.locator('.ghost').waitFor()
    await touches.send('Input.dispatchTouchEvent', { type: 'touchMove', ...at(to.x + 24, to.y + 4) })
    await touches.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
    await showsCards(alice, ['two, one', '', ''])
  })
})

const open = async (url: string, name: string): Promise<Page> => openNotebookPage(await newProfile(browser), url, name)

const card = (page: Page, text: string) => page.getByTestId('card').filter({ hasText: new RegExp(`^${text}$`) })

const columnsOf = async (page: Page): Promise<string> =>
  (await page.locator('.cards').evaluateAll((lists) => lists.map((list) => list.textContent))).join(',')

/** To the top of a column. */
async function drag(page: Page, text: string, column: number): Promise<void> {
  const from = await card(page, text).boundingBox()
  const to = await page.getByTestId('column').nth(column).locator('.cards').boundingBox()
  if (from === null || to === null) throw new Error('nothing to drag')
  await page.mouse.move(from.x + 20, from.y + 15)
  await page.mouse.down()
  await page.mouse.move(from.x + 40, from.y + 20)
  await page.mouse.move(to.x + 60, to.y + 2, { steps: 4 })
  await page.mouse.up()
}

async function lists(page: Page, expected: readonly string[]): Promise<void> {
  await until(
    `the list is ${expected}`,
    async () => JSON.stringify(await titlesIn(page)) === JSON.stringify(expected),
    { seen: () => titlesIn(page) },
  )
}

const cursors = (page: Page): Promise<string[]> => page.locator('.cursor-name').allTextContents()

async function showsCursorOf(page: Page, name: string): Promise<void> {
  await until(`there is the cursor of ${name}`, async () => (await cursors(page)).includes(name), {
    seen: () => cursors(page),
  })
}
