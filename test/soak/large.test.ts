/** Documents of 50 MB and of 260,000 edits at a relay, on Node and in a page. */
import { test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { MIB, readOnNode, readResponsively, typeEdits, writeBytes } from '../support/large.ts'
import { cleanUp } from '../support/lifetime.ts'
import { buildPages } from '../support/pages.ts'
import { startRelayProcess } from '../support/relay-process.ts'

const BYTES = 50 * MIB
const EDITS = 260_000

test('[P6][P7] 50 MB and 260,000 edits open, sync and are edited, and no page is busy for long at a time', async () => {
  const relay = await startRelayProcess({ pages: await buildPages() })
  const browser = await launchBrowser()
  cleanUp(() => browser.close())
  for (const [document, write] of [
    ['bytes', () => writeBytes(relay.socketUrl, 'bytes', BYTES, 1)],
    ['edits', () => typeEdits(relay.socketUrl, 'edits', EDITS, 2)],
  ] as const) {
    const length = await write()
    await readOnNode(relay.socketUrl, document, length)
    const busy = await readResponsively(browser, relay.url, { relay: relay.socketUrl, document }, length)
    console.log(`${document}: busy at a time, ms: ${JSON.stringify(busy)}`)
  }
})
