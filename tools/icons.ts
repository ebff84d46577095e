/** Draws the demo's icon as the bitmaps that browsers want of an app: `node tools/icons.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { findBrowser } from './browser.ts'

const DEMO = join(import.meta.dirname, '../demo')
const PUBLIC = join(DEMO, 'public')
const BACKGROUND = '#14665a'

/** A maskable icon may be cut to a circle of 80 % of its size: the drawing keeps to that. */
const icons = [
  { name: 'icon-192.png', size: 192, share: 1, background: 'transparent' },
  { name: 'icon-512.png', size: 512, share: 1, background: 'transparent' },
  { name: 'icon-maskable-512.png', size: 512, share: 0.72, background: BACKGROUND },
]

const svg = readFileSync(join(DEMO, 'icon.svg'), 'utf8')
const browser = await chromium.launch({ executablePath: findBrowser(), chromiumSandbox: process.getuid?.() !== 0 })
try {
  const page = await browser.newPage()
  for (const { name, size, share, background } of icons) {
    await page.setViewportSize({ width: size, height: size })
    const style = `margin:0;height:100vh;display:grid;place-content:center;background:${background}`
    const data = `data:image/svg+xml,${encodeURIComponent(svg)}`
    await page.setContent(`<body style="${style}"><img src="${data}" width="${size * share}" height="${size * share}">`)
    writeFileSync(join(PUBLIC, name), await page.screenshot({ omitBackground: true }))
  }
} finally {
  await browser.close()
}
