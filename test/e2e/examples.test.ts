/** The examples, as somebody starts them. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { cleanUp, until } from '../support/lifetime.ts'
import { buildPages } from '../support/pages.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const examples = resolve(import.meta.dirname, '../../examples')

let browser: Browser
const built = new Map<string, string>()
beforeAll(async () => {
  browser = await launchBrowser()
  for (const name of ['vanilla', 'react', 'tiptap']) built.set(name, await buildPages(join(examples, name)))
})
afterAll(() => browser.close())

/** Two people who have the example open. */
async function open(name: string): Promise<{ relay: string; people: [Page, Page] }> {
  const relay = await startRelayProcess({ pages: built.get(name) })
  const page = async (): Promise<Page> => {
    const profile = await browser.newContext()
    cleanUp(() => profile.close())
    const opened = await profile.newPage()
    const errors: string[] = []
    opened.on('pageerror', ({ message }) => errors.push(message))
    cleanUp(() => expect(errors).toEqual([]))
    await opened.goto(`${relay.url}/?relay=${relay.socketUrl}`)
    return opened
  }
  return { relay: relay.socketUrl, people: [await page(), await page()] }
}

test('vanilla: one text for everybody', async () => {
  const { people } = await open('vanilla')
  const [alice, bob] = people
  const value = (page: Page) => page.locator('textarea').inputValue()
  for (const page of people) await until('it begins', async () => (await value(page)).startsWith('Write here. '))
  await alice.locator('textarea').pressSequentially('Hello!')
  await until('bob reads it', async () => (await value(bob)).includes('Hello!'))
  expect((await value(bob)).match(/Write here/g)).toHaveLength(1)
  await until('it is safe', async () => (await alice.locator('output').textContent())?.endsWith('relay') ?? false)
})

test('react, and the bot on Node', async () => {
  const { relay, people } = await open('react')
  const [alice, bob] = people
  const bot = spawn(process.execPath, [join(examples, 'bot.ts'), relay], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanUp(() => bot.kill('SIGKILL'))
  let said = ''
  bot.stdout.on('data', (text) => {
    said += text
  })
  await until('the bot listens', () => said.includes('it listens'))
  await alice.locator('input').fill('ping')
  await alice.locator('input').press('Enter')
  const items = () => bob.locator('li').allTextContents()
  await until('bob reads both', async () => (await items()).join() === 'ping,pong', { seen: items })
  const ended = new Promise((done) => bot.once('exit', done))
  bot.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test('tiptap: formatted text, and who is where', async () => {
  const { people } = await open('tiptap')
  const [alice, bob] = people
  await alice.locator('.tiptap').click()
  await alice.keyboard.type('# A title')
  await alice.keyboard.press('Enter')
  await alice.keyboard.type('and **bold** text')
  await until('bob reads it', async () => (await bob.locator('.tiptap h1').allTextContents()).join() === 'A title')
  await until('formatted', async () => (await bob.locator('.tiptap strong').allTextContents()).join() === 'bold')
  await until('he sees her', async () => (await bob.locator('.collaboration-carets__label').count()) === 1)
})
