import { describe, expect, test } from 'vitest'
import { checkOrigin, isLoopbackName, refusal } from '../../../server/access.ts'
import { parseTarget } from '../../../server/target.ts'

const ALLOWED = new Set(['https://app.example.com'])

describe('access to a relay on loopback', () => {
  test.each([
    ['a program', '127.0.0.1:8787', undefined],
    ['its own page', '127.0.0.1:8787', 'http://127.0.0.1:8787'],
    ['its own page under another name of this machine', '127.0.0.1:8787', 'http://localhost:8787'],
    ['its own page by IPv6', '[::1]:8787', 'http://[::1]:8787'],
    ['its own page on the port of http', 'localhost', 'http://localhost'],
    ['a page that is allowed', 'localhost:8787', 'https://app.example.com'],
  ])('is for %s', (_, host, origin) => {
    expect(refusal({ host, origin }, ALLOWED)).toBeUndefined()
  })

  test.each([
    ['a foreign page', '127.0.0.1:8787', 'https://evil.example'],
    ['a page of another port', '127.0.0.1:8787', 'http://127.0.0.1:3000'],
    ['a page on the port of http', '127.0.0.1:8787', 'http://127.0.0.1'],
    ['a page whose name only looks like this machine', '127.0.0.1:8787', 'http://localhost.evil.example:8787'],
    ['a page whose name only begins like this machine', '127.0.0.1:8787', 'http://127.0.0.1.evil.example:8787'],
    ['a sandboxed page', '127.0.0.1:8787', 'null'],
    ['an origin that is none', '127.0.0.1:8787', '127.0.0.1:8787'],
    ['a part of an allowed origin', '127.0.0.1:8787', 'https://app.example.co'],
    ['a page of a name that was made to lead here', 'evil.example:8787', 'http://evil.example:8787'],
    ['a name that was made to lead here, without an origin', 'evil.example:8787', undefined],
    ['who names no host', undefined, undefined],
    ['a host that is none', 'a b', undefined],
  ])('is not for %s', (_, host, origin) => {
    expect(refusal({ host, origin }, ALLOWED)).toMatchObject({ code: 'origin-refused' })
  })

  test('knows the names of loopback', () => {
    for (const name of ['127.0.0.1', '127.1.2.3', 'localhost', 'LOCALHOST', '::1', '[::1]', '::ffff:127.0.0.1']) {
      expect([name, isLoopbackName(name)]).toEqual([name, true])
    }
    for (const name of [
      '0.0.0.0',
      '::',
      '10.0.0.1',
      '1127.0.0.1',
      '127.0.0.1.example',
      'example',
      '',
      '::ffff:10.0.0.1',
    ]) {
      expect([name, isLoopbackName(name)]).toEqual([name, false])
    }
  })

  test('takes as allowed only what browsers send', () => {
    expect(checkOrigin('https://app.example.com')).toBe('https://app.example.com')
    for (const origin of ['app.example.com', 'https://app.example.com/', 'https://app.example.com/path', '*', 'null']) {
      expect(() => checkOrigin(origin)).toThrow(expect.objectContaining({ code: 'bad-option' }))
    }
  })
})

describe('the path of a WebSocket', () => {
  test.each([
    ['/sync/acme', { protocol: 'sync', workspace: 'acme' }],
    ['/sync/a%20b?x=/y/z', { protocol: 'sync', workspace: 'a b' }],
    ['/y/acme/note', { protocol: 'y-websocket', workspace: 'acme', document: 'note' }],
    ['/y/acme/a/b//c/', { protocol: 'y-websocket', workspace: 'acme', document: 'a/b//c/' }],
    ['/y/acme/a%2Fb%20c?token=1', { protocol: 'y-websocket', workspace: 'acme', document: 'a/b c' }],
    ['/y/acme/100%', { protocol: 'y-websocket', workspace: 'acme', document: '100%' }],
    ['/y/acme/100%25', { protocol: 'y-websocket', workspace: 'acme', document: '100%' }],
    ['/y/acme/%F0%9F%8E%89%', { protocol: 'y-websocket', workspace: 'acme', document: '🎉%' }],
    ['/y/acme/%ff', { protocol: 'y-websocket', workspace: 'acme', document: '%ff' }],
    ['/y/acme', { protocol: 'y-websocket', workspace: 'acme', document: '' }],
    ['/y/', { protocol: 'y-websocket', workspace: '', document: '' }],
    ['/sync/', { protocol: 'sync', workspace: '' }],
  ])('%s', (path, target) => {
    expect(parseTarget(path)).toEqual(target)
  })

  test.each(['/', '', '/sync', '/y', '/sync/a/b', '/yy/a/b', '/x/sync/a', 'http://h/sync/a'])('%j is none', (path) => {
    expect(parseTarget(path)).toBeUndefined()
  })
})
