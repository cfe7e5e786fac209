import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withoutHopByHop } from '../../../src/dataplane/http/hop-by-hop.ts'

const names = ['Connection', 'KEEP-ALIVE', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'HTTP2-Settings']
const ofTheProxy = ['Proxy-Authenticate', 'proxy-authorization', 'Expect']

describe('fields for one connection only', () => {
  for (const name of [...names, ...ofTheProxy]) {
    it(`such as ${name} are not passed on`, () => {
      assert.deepEqual(withoutHopByHop(['A', '1', name, 'x', 'B', '2']), ['A', '1', 'B', '2'])
    })
  }

  it('are also those that Connection names, in any case, before or after it, in several fields', () => {
    const headers = [
      'X-One',
      '1',
      'Connection',
      'keep-alive, x-ONE ,, x-two',
      'X-Two',
      '2',
      'connection',
      'X-Three',
      'X-Three',
      '3',
      'X-Four',
      '4',
    ]
    assert.deepEqual(withoutHopByHop(headers), ['X-Four', '4'])
  })

  it('are none that a service needs to know who calls, what it may and where the body ends', () => {
    const kept = [
      'Host',
      'a',
      'Content-Length',
      '3',
      'Authorization',
      'b',
      'Cookie',
      'c',
      'X-Forwarded-For',
      'd',
      'X-Forwarded-Tls-Client-Cert',
      'e',
      'X-Real-IP',
      'f',
      'Forwarded',
      'g',
      'X-Request-Id',
      'h',
    ]
    const named = kept.filter((_, i) => i % 2 === 0).join(', ')
    assert.deepEqual(withoutHopByHop(['Connection', `close, ${named}`, ...kept]), kept)
  })

  it('leave the received list as it was', () => {
    const headers = ['Connection', 'x-a', 'X-A', '1']
    assert.notEqual(withoutHopByHop(headers), headers)
    assert.deepEqual(headers, ['Connection', 'x-a', 'X-A', '1'])
  })

  it('are told from fields with names of the same length', () => {
    const headers = ['User-Agent', 'curl', 'Referer', 'r', 'Accept-Charset', 'utf-8', 'Ta', '1', 'Accept', '*/*', 'Cookie', 'c']
    assert.deepEqual(withoutHopByHop(headers), headers)
  })
})
