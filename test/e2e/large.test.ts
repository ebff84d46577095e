/** A document of many pieces in a page: it comes, is edited and is loaded again, and the page can do something else meanwhile. */
import { test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { MIB, readOnNode, readResponsively, typeEdits, writeBytes } from '../support/large.ts'
import { cleanUp } from '../support/lifetime.ts'
import { buildPages } from '../support/pages.ts'
import { startRelayProcess } from '../support/relay-process.ts'

test('[P6] a page stays responsive while 8 MB and a session of 30,000 edits come, and while they are loaded', async () => {
  const relay = await startRelayProcess({ pages: await buildPages() })
  const bytes = await writeBytes(relay.socketUrl, 'bytes', 8 * MIB, 1)
  const edits = await typeEdits(relay.socketUrl, 'edits', 30_000, 2)
  await readOnNode(relay.socketUrl, 'bytes', bytes)
  const browser = await launchBrowser()
  cleanUp(() => browser.close())
  const where = { relay: relay.socketUrl }
  const busy = {
    bytes: await readResponsively(browser, relay.url, { ...where, document: 'bytes' }, bytes),
    edits: await readResponsively(browser, relay.url, { ...where, document: 'edits' }, edits),
  }
  console.log('busy at a time, ms:', JSON.stringify(busy))
})
