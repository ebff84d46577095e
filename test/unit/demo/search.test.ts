/** What the demo shows of what was found, what it takes for an address, and for whom it takes a key. */
import { describe, expect, test } from 'vitest'
import { userOf } from '../../../demo/access.ts'
import { matchIn } from '../../../demo/list/search.ts'
import { find } from '../../../demo/note/linkify.ts'
import { mintToken } from '../../../server/auth/tokens.ts'

describe('a match', () => {
  test('stands among the words around it, with the letters of the note', () => {
    const text = 'Overcast, light wind from the north-west. Two Curléws on the near bank, then rain.'
    expect(matchIn(text, ['curlews'])).toEqual({
      before: '…the north-west. Two ',
      found: 'Curléws',
      after: ' on the near bank, then rain.',
    })
    expect(matchIn('Curlews', ['curl'])).toEqual({ before: '', found: 'Curl', after: 'ews' })
    expect(matchIn('nothing', ['curl'])).toBeUndefined()
  })

  test('is short, whatever the text', () => {
    const match = matchIn(`${'x'.repeat(5_000)}here${'y'.repeat(5_000)}`, ['here'])
    expect(match?.before.length).toBeLessThan(40)
    expect(match?.after.length).toBeLessThan(100)
  })
})

describe('an address', () => {
  test.each([
    ['see https://example.com/a_(b). Then', ['https://example.com/a_(b']],
    ['www.example.org, http://x.y', ['https://www.example.org', 'http://x.y']],
    ['mailto:a@example.com', ['mailto:a@example.com']],
    ['xhttps://no and awww.no and javascript:alert(1)', []],
  ])('%s', (text, hrefs) => {
    const found = find(text)
    expect(found.map(({ href }) => href)).toEqual(hrefs)
    for (const { start, end, value } of found) expect(text.slice(start, end)).toBe(value)
  })
})

describe('a key', () => {
  test('is for the subject of its token, and for nobody where it is none', async () => {
    const secret = 'a secret of thirty-two bytes, or of more'
    const key = await mintToken(secret, { subject: 'u 42', workspaces: ['demo'], role: 'write', lifetimeMs: 1_000 })
    expect(userOf(key)).toBe('u 42')
    for (const none of ['', 'a', 'a.b.c', 'a.e30.c']) expect(userOf(none)).toBe('demo')
  })
})
