import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parsePathPattern, type PathPattern } from '../../../src/dataplane/router/path-pattern.ts'

function pattern(text: string): PathPattern {
  const parsed = parsePathPattern(text)
  assert.ok(parsed.ok, text)
  return parsed.pattern
}

describe('a path pattern', () => {
  it('is exact when it is only a path', () => {
    assert.deepEqual(pattern('/'), { kind: 'exact', path: '/' })
    assert.deepEqual(pattern('/a/b/'), { kind: 'exact', path: '/a/b/' })
  })

  it('is a prefix of whole segments with a star at the end', () => {
    assert.deepEqual(pattern('/a/b/*'), { kind: 'prefix', segments: ['a', 'b'] })
  })

  it('takes every path as a star alone', () => {
    assert.deepEqual(pattern('/*'), { kind: 'any' })
  })

  it('is a template with names in braces', () => {
    assert.deepEqual(pattern('/u/{id}/x'), { kind: 'template', segments: ['u', null, 'x'] })
    assert.deepEqual(pattern('/{a}/{b}'), { kind: 'template', segments: [null, null] })
  })

  it('is a regular expression behind a tilde', () => {
    assert.deepEqual(pattern('~^/v[0-9]+/'), { kind: 'regex', regex: /^\/v[0-9]+\// })
  })

  it('is brought into the normal form of targets', () => {
    assert.deepEqual(pattern('/%61/%c3%a9'), { kind: 'exact', path: '/a/%C3%A9' })
    assert.deepEqual(pattern('/größe/a b/*'), { kind: 'prefix', segments: ['gr%C3%B6%C3%9Fe', 'a%20b'] })
    assert.deepEqual(pattern('/%7eme/{id}'), { kind: 'template', segments: ['~me', null] })
    assert.deepEqual(pattern('/a%2fb'), { kind: 'exact', path: '/a%2Fb' })
  })

  const refused: Readonly<Record<string, RegExp>> = {
    '': /leave it out/,
    'api/*': /write "\/api\/\*"/,
    '/a*': /for the end only/,
    '/a/*/b': /write \{name\}/,
    '/a?x=1': /match\.query/,
    '/a#b': /%23/,
    '/a\\b': /%5C/,
    '/a/../b': /without it/,
    '/%2e%2E/*': /without it/,
    '/a/.': /without it/,
    '/a%zz': /write %25/,
    '/a%00': /other than 00/,
    '/%/{id}': /write %25/,
    '/u/{id}/*': /cannot be combined/,
    '/u/{id}.json': /whole segment/,
    '/u/{}': /whole segment/,
    '/u/{1a}': /whole segment/,
    '/u/}': /whole segment/,
    '/{a}/{a}': /its own name/,
    '~/x': /starts with \^/,
    '~': /starts with \^/,
    '~^/(': /[Uu]nterminated group/,
    [`~^/${'a'.repeat(256)}`]: /at most 256/,
    '~^/(a+)+$': /exponential/,
    '~^/(a|a)*$': /exponential/,
    '~^/((?:a{2,})b)*': /exponential/,
    '~^/(?:(a*))+': /exponential/,
    '~^/(a)\\1': /back-reference/,
    '~^/(?<x>a)\\k<x>': /back-reference/,
  }
  for (const [text, reason] of Object.entries(refused)) {
    it(`such as ${JSON.stringify(text.slice(0, 30))} is refused with what to write`, () => {
      const parsed = parsePathPattern(text)
      assert.ok(!parsed.ok)
      assert.match(parsed.reason, reason)
    })
  }

  it('may be a regular expression that repeats without nesting', () => {
    for (const text of [
      '~^/[a-z(+)*]+/\\(x+\\)*',
      '~^/(en|de)(/.*)?$',
      '~^/a{2,5}(b+)?',
      '~^/(?:a|b){1,3}/[^/]+$',
      '~^/\\d+\\+*',
      '~^/(ab)*',
    ]) {
      assert.equal(pattern(text).kind, 'regex', text)
    }
  })
})
