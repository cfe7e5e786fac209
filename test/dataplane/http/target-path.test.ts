import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseTarget } from '../../../src/dataplane/http/target-path.ts'

const path = (target: string): string | undefined => parseTarget(target)?.path

describe('a request target', () => {
  it('in origin form is taken apart into path and query', () => {
    assert.deepEqual(parseTarget('/a/b?x=1&y=?'), { path: '/a/b', query: '?x=1&y=?', authority: null })
    assert.deepEqual(parseTarget('/'), { path: '/', query: '', authority: null })
    assert.deepEqual(parseTarget('/a?'), { path: '/a', query: '?', authority: null })
  })

  it('in absolute form has an authority, and a path even when none is written', () => {
    assert.deepEqual(parseTarget('http://Orders:80/a/../b?x'), { path: '/b', query: '?x', authority: 'Orders:80' })
    assert.deepEqual(parseTarget('HTTP://orders'), { path: '/', query: '', authority: 'orders' })
    assert.deepEqual(parseTarget('http://orders?x'), { path: '/', query: '?x', authority: 'orders' })
    assert.deepEqual(parseTarget('http://[::1]:80/'), { path: '/', query: '', authority: '[::1]:80' })
  })

  it('in any other form is refused', () => {
    for (const target of ['', '*', 'a', '?x', 'orders:80', 'https://orders/', 'ftp://orders/', 'http:/orders', 'http:///a']) {
      assert.equal(parseTarget(target), null, target)
    }
  })

  it('with a user, a bad port or a bad name in its authority is refused', () => {
    for (const target of ['http://me@orders/', 'http://orders:0/', 'http://orders:x/', 'http://or ders/', 'http://a..b/']) {
      assert.equal(parseTarget(target), null, target)
    }
  })

  it('keeps its query as received, malformed escapes and backslashes included', () => {
    assert.equal(parseTarget('/a?q=100%&b=%2e%2E\\/../')?.query, '?q=100%&b=%2e%2E\\/../')
  })
})

describe('a path', () => {
  it('has its unreserved escapes decoded and the other ones in upper case', () => {
    assert.equal(path('/%61%7e%2D%5f%39'), '/a~-_9')
    assert.equal(path('/%c3%a9%20%2b'), '/%C3%A9%20%2B')
  })

  it('keeps an encoded slash, backslash and percent as data', () => {
    assert.equal(path('/a%2fb'), '/a%2Fb')
    assert.equal(path('/a%5cb'), '/a%5Cb')
    assert.equal(path('/a%252e%252e/b'), '/a%252e%252e/b')
  })

  it('has its dot segments taken out, encoded ones too, and never climbs above the root', () => {
    const cases = [
      ['/a/./b', '/a/b'],
      ['/a/../b', '/b'],
      ['/a/%2e%2E/b', '/b'],
      ['/a/.%2e/b', '/b'],
      ['/../../etc', '/etc'],
      ['/a/b/..', '/a/'],
      ['/a/.', '/a/'],
      ['/..', '/'],
      ['/.', '/'],
      ['/a/..', '/'],
    ] as const
    for (const [target, expected] of cases) assert.equal(path(target), expected, target)
  })

  it('keeps names that only start with dots, and empty segments', () => {
    for (const target of ['/.well-known/x', '/...', '/a/..b', '//a', '/a//b', '/a/b/', '/a;v=1/b', '/a.b..c']) {
      assert.equal(path(target), target)
    }
  })

  it('that two readers could understand differently is refused', () => {
    const refused = [
      '/%',
      '/%4',
      '/%zz',
      '/%g0',
      '/%0g',
      '/%00',
      '/a%2',
      '/a b',
      '/a\\b',
      '/a#b',
      '/a\tb',
      '/a\nb',
      '/a\x7fb',
      '/é',
      '/a?b#c',
      '/a?b c',
      '/a?é',
    ]
    for (const target of refused) assert.equal(parseTarget(target), null, JSON.stringify(target))
  })

  it('in normal form stays as it is, whatever the input was', () => {
    const piece = fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%41', '%c3', '%25', 'a', 'B', ';', '~', '?', '//')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = parseTarget(`/${pieces.join('')}`)
        assert.ok(target)
        assert.deepEqual(parseTarget(target.path + target.query), target)
        const segments = target.path.split('/')
        assert.ok(!segments.includes('.') && !segments.includes('..'), target.path)
      }),
    )
  })

  it('is either refused or in normal form, for any text at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const target = parseTarget(`/${text}`)
        if (target) assert.deepEqual(parseTarget(target.path + target.query), target)
      }),
    )
  })
})
