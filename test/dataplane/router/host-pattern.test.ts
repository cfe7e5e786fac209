import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseHostPattern } from '../../../src/dataplane/router/host-pattern.ts'

describe('a host pattern', () => {
  it('is a name, without regard to case and a trailing dot', () => {
    assert.deepEqual(parseHostPattern('Shop.Example.com.'), { ok: true, pattern: { kind: 'exact', host: 'shop.example.com' } })
    assert.deepEqual(parseHostPattern('orders'), { ok: true, pattern: { kind: 'exact', host: 'orders' } })
    assert.deepEqual(parseHostPattern('[::1]'), { ok: true, pattern: { kind: 'exact', host: '::1' } })
  })

  it('is a wildcard for one label in front', () => {
    assert.deepEqual(parseHostPattern('*.Example.com'), { ok: true, pattern: { kind: 'wildcard', suffix: '.example.com' } })
  })

  const refused: Readonly<Record<string, RegExp>> = {
    '': /leave it out/,
    '*': /leave the host out/,
    '*.': /leave the host out/,
    'a*.example.com': /one whole label/,
    '*.*.example.com': /one whole label/,
    'shop.*': /one whole label/,
    'http://shop': /name only/,
    'shop/x': /name only/,
    'shop:8080': /has a port/,
    'bücher.example': /write xn--bcher-kva\.example/,
    '*.bücher.example': /xn--bcher-kva/,
    'sh op': /not a host name/,
    'a..b': /not a host name/,
    '*.[::1]': /no wildcard/,
  }
  for (const [text, reason] of Object.entries(refused)) {
    it(`such as ${JSON.stringify(text)} is refused with what to write`, () => {
      const parsed = parseHostPattern(text)
      assert.ok(!parsed.ok)
      assert.match(parsed.reason, reason)
    })
  }
})
