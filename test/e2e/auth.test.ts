/** A browser at a relay that asks for tokens: from an allowed page, with one; and not otherwise. */
import { beforeAll, describe, expect, test } from 'vitest'
import { mintToken } from '../../server/auth/tokens.ts'
import { createRelay } from '../../server/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { cleanUp } from '../support/lifetime.ts'
import { buildPages, openPage } from '../support/pages.ts'

const SECRET = 'a secret of thirty-two bytes, or of more'

let pages: string
beforeAll(async () => {
  pages = await buildPages()
})

describe('a page in Chromium', () => {
  test('[P2] writes where its token says so, and what it may only read it is refused', async () => {
    const browser = await launchBrowser()
    cleanUp(() => browser.close())
    const relay = createRelay({ auth: { secret: SECRET }, demo: pages })
    cleanUp(() => relay.close())
    const { url } = await relay.listen(0)
    const tokenOf = (role: 'read' | 'write') =>
      mintToken(SECRET, { subject: role, workspaces: ['acme'], role, lifetimeMs: 600_000 })
    const options = { relay: url.replace('http', 'ws') }
    const writer = await openPage(await browser.newContext(), url, { ...options, token: await tokenOf('write') })
    await writer.evaluate(async () => {
      window.me.write('written')
      await window.me.saved('relay')
    })
    const reader = await openPage(await browser.newContext(), url, { ...options, token: await tokenOf('read') })
    await reader.waitForFunction(() => window.me.tokens().includes('written'))
    expect(await reader.evaluate(() => window.me.workspaceStatus().role)).toBe('read')
    await reader.evaluate(() => window.me.write('not allowed'))
    await reader.waitForFunction(() => window.me.status().error?.code === 'forbidden')
    const stranger = await openPage(await browser.newContext(), url, options)
    await stranger.waitForFunction(() => window.me.workspaceStatus().error?.code === 'unauthenticated')
    expect(await writer.evaluate(() => window.me.tokens())).toEqual(['written'])
  })
})
