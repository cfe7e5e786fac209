import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseAuthority } from '../../../src/dataplane/http/authority.ts'

describe('an authority', () => {
  it('gives its host in lower case, without port and trailing dot', () => {
    const cases = [
      ['shop.example.com', 'shop.example.com'],
      ['Shop.Example.COM:8080', 'shop.example.com'],
      ['shop.', 'shop'],
      ['shop.:80', 'shop'],
      ['my_service-1', 'my_service-1'],
      ['10.0.0.1:1', '10.0.0.1'],
      ['a:65535', 'a'],
    ] as const
    for (const [value, host] of cases) assert.deepEqual(parseAuthority(value), { host, authority: value })
  })

  it('gives an IPv6 address without brackets', () => {
    assert.deepEqual(parseAuthority('[FE80::1]:80'), { host: 'fe80::1', authority: '[FE80::1]:80' })
    assert.equal(parseAuthority('[::ffff:10.0.0.1]')?.host, '::ffff:10.0.0.1')
  })

  it('is refused with a user, an empty part, a port out of range or a byte that no name has', () => {
    const refused = [
      '',
      '.',
      '..',
      ':80',
      'a..b',
      '.a',
      'a..',
      'me@a',
      'me:pw@a',
      'a b',
      ' a',
      'a ',
      'a/b',
      'a,b',
      'a?b',
      'a#b',
      'a%41',
      'a\\b',
      'ä',
      'a:',
      'a:0',
      'a:65536',
      'a:123456',
      'a:8x',
      'a:-1',
      'a:+1',
      'a:80:80',
      '::1',
      'a\0',
      'a\x7f',
      '*.a',
      '[',
      '[]',
      '[::1',
      '[::1]x',
      '[::1]:',
      '[::1]:0',
      '[1.2.3.4]',
      '[fe80::1%eth0]',
      '[::g]',
      'a'.repeat(262),
    ]
    for (const value of refused) assert.equal(parseAuthority(value), null, JSON.stringify(value))
  })

  it('gives a host that is an authority itself, for any text that is taken', () => {
    const piece = fc.constantFrom('a', 'B', '1', '.', '-', '_', ':', '80', '@', '[', ']', ' ')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const parsed = parseAuthority(pieces.join(''))
        if (!parsed) return
        const written = parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host
        assert.equal(parseAuthority(written)?.host, parsed.host)
      }),
    )
  })
})
