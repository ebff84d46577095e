import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ensureBrowser, findBrowser, type Installer } from '../../../tools/browser.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rejoin-browser-'))
  vi.spyOn(console, 'log').mockReturnValue()
  vi.spyOn(console, 'error').mockReturnValue()
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

/** An executable that answers `--version` with `text` and this exit code. */
function program(path: string, text = 'Chromium 1.2.3', exitCode = 0): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho "${text}"\nexit ${exitCode}\n`, { mode: 0o755 })
  return file
}

const places = (env: Record<string, string> = {}, usual: string[] = []) => ({
  env: { PATH: `${join(folder, 'first')}:${join(folder, 'second')}`, ...env },
  usual,
})

it('takes what CHROMIUM names before everything else', () => {
  const wished = program('wished')
  program('first/chromium')
  expect(findBrowser(places({ CHROMIUM: wished }))).toBe(wished)
})

it('refuses a CHROMIUM that is no browser instead of taking another', () => {
  program('first/chromium')
  expect(() => findBrowser(places({ CHROMIUM: join(folder, 'missing') }))).toThrow('CHROMIUM names')
  expect(() => findBrowser(places({ CHROMIUM: program('other', 'Firefox 1') }))).toThrow('CHROMIUM names')
})

it('looks along PATH, then at the usual places', () => {
  const usual = program('usual/chrome', 'Google Chrome 1.2.3')
  expect(findBrowser(places({}, [usual]))).toBe(usual)
  const chrome = program('second/google-chrome')
  expect(findBrowser(places({}, [usual]))).toBe(chrome)
  const chromium = program('first/chromium-browser')
  expect(findBrowser(places({}, [usual]))).toBe(chromium)
})

it('passes over a wrapper whose browser is missing', () => {
  program('first/chromium-browser', 'Command requires the chromium snap to be installed.', 1)
  program('first/chromium', '')
  const working = program('second/google-chrome-stable')
  expect(findBrowser(places())).toBe(working)
})

it('finds nothing where nothing is', () => {
  expect(findBrowser(places())).toBeUndefined()
})

it('installs one where there is none, and tries the next way where one fails', () => {
  const target = join(folder, 'first/chromium')
  const source = program('package')
  const installers: Installer[] = [
    { name: 'one that fails', commands: [['false'], ['touch', join(folder, 'not-reached')]] },
    { name: 'one that brings nothing', commands: [['true']] },
    {
      name: 'one that works',
      commands: [
        ['mkdir', '-p', dirname(target)],
        ['cp', source, target],
      ],
    },
    { name: 'one too many', commands: [['touch', join(folder, 'not-reached')]] },
  ]
  expect(ensureBrowser(places(), installers)).toBe(target)
  expect(existsSync(join(folder, 'not-reached'))).toBe(false)
  expect(vi.mocked(console.log).mock.calls.flat()).toContain('No Chromium found. Installing one with one that works:')
})

it('installs nothing where there is one', () => {
  const there = program('first/chromium')
  expect(ensureBrowser(places(), [{ name: 'none', commands: [['rm', there]] }])).toBe(there)
  expect(existsSync(there)).toBe(true)
})

it('fails with the instruction what to do where no way works', () => {
  const installers = [{ name: 'a missing tool', commands: [[join(folder, 'no-such-tool')]] }]
  expect(() => ensureBrowser(places(), installers)).toThrow(
    /apt-get install chromium[\s\S]*CHROMIUM=\/path\/to\/chromium/,
  )
})
