import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Exchange } from '../../../src/dataplane/exchange.ts'
import { callerAddress } from '../../../src/dataplane/http/caller-address.ts'
import { KeptDownstream } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

function addressOf(peer: string, forwarded: readonly string[], trust: readonly string[] | null): string {
  const headers = forwarded.flatMap((value) => ['X-Forwarded-For', value])
  const request = requestHead({ clientAddress: peer, headers })
  const trusted = trust?.includes(peer) ?? true
  const exchange: Exchange = { request, trusted, body: null, downstream: new KeptDownstream(), tunnel: null, since: 0 }
  return callerAddress(trust ? { ...exchange, isTrusted: (address) => trust.includes(address) } : exchange)
}

describe("a client's address", () => {
  it("is the peer's when the peer is not trusted, whatever it says", () => {
    assert.equal(addressOf('192.0.2.1', ['10.0.0.1'], []), '192.0.2.1')
    assert.equal(addressOf('::ffff:192.0.2.1', ['10.0.0.1'], []), '192.0.2.1')
  })

  it('is the last one that a trusted hop names and that is no trusted hop', () => {
    assert.equal(addressOf('10.0.0.9', ['198.51.100.1, 192.0.2.1, 10.0.0.8'], ['10.0.0.9', '10.0.0.8']), '192.0.2.1')
    assert.equal(addressOf('10.0.0.9', ['192.0.2.1', '10.0.0.8'], ['10.0.0.9', '10.0.0.8']), '192.0.2.1')
    assert.equal(addressOf('10.0.0.9', ['[2001:db8::1]:4711'], ['10.0.0.9']), '2001:db8::1')
  })

  it('is the last hop known when what it says is missing or no address', () => {
    assert.equal(addressOf('10.0.0.9', [], ['10.0.0.9']), '10.0.0.9')
    assert.equal(addressOf('10.0.0.9', ['192.0.2.1, unknown'], ['10.0.0.9']), '10.0.0.9')
    assert.equal(addressOf('10.0.0.9', ['unknown, 10.0.0.8'], ['10.0.0.9', '10.0.0.8']), '10.0.0.8')
  })

  it('is what the trusted peer names last when no more is known than that it is trusted', () => {
    assert.equal(addressOf('10.0.0.9', ['198.51.100.1, 192.0.2.1'], null), '192.0.2.1')
  })
})
