import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { holds, parsePredicates } from '../../../src/dataplane/router/predicates.ts'
import type { RouteMatch } from '../../../src/dataplane/router/route-match.ts'
import { requestHead } from '../../support/request-head.ts'

const asks = (match: RouteMatch, request: Parameters<typeof requestHead>[0]): boolean =>
  holds(parsePredicates(match), requestHead(request))

describe('a route that names methods', () => {
  it('takes these methods only', () => {
    assert.equal(asks({ methods: ['POST', 'PUT'] }, { method: 'PUT' }), true)
    assert.equal(asks({ methods: ['POST', 'PUT'] }, { method: 'DELETE' }), false)
    assert.equal(asks({}, { method: 'DELETE' }), true)
  })

  it('takes HEAD where it takes GET, and not the other way round', () => {
    assert.equal(asks({ methods: ['GET'] }, { method: 'HEAD' }), true)
    assert.equal(asks({ methods: ['HEAD'] }, { method: 'GET' }), false)
    assert.equal(asks({ methods: ['POST'] }, { method: 'HEAD' }), false)
  })
})

describe('a route that names header fields', () => {
  const match = { headers: { 'X-Tenant': 'acme' } }

  it('takes the exact value, whatever the case of the name', () => {
    assert.equal(asks(match, { headers: ['x-TENANT', 'acme'] }), true)
    assert.equal(asks(match, { headers: ['x-tenant', 'Acme'] }), false)
    assert.equal(asks(match, { headers: ['x-tenant2', 'acme'] }), false)
    assert.equal(asks(match, { headers: [] }), false)
  })

  it('is content with one of several fields of the name', () => {
    assert.equal(asks(match, { headers: ['x-tenant', 'a', 'x-tenant', 'acme'] }), true)
  })

  it('wants all of them', () => {
    const both = { headers: { 'x-tenant': 'acme', 'x-ring': '1' } }
    assert.equal(asks(both, { headers: ['x-ring', '1', 'x-tenant', 'acme'] }), true)
    assert.equal(asks(both, { headers: ['x-tenant', 'acme'] }), false)
  })
})

describe('a route that names parameters', () => {
  const match = { query: { v: 'a b' } }

  it('takes the value after form decoding', () => {
    assert.equal(asks(match, { query: '?x=1&v=a+b' }), true)
    assert.equal(asks(match, { query: '?%76=a%20b' }), true)
    assert.equal(asks(match, { query: '?v=ab' }), false)
    assert.equal(asks(match, { query: '' }), false)
    assert.equal(asks(match, { query: '?V=a+b' }), false)
  })

  it('is content with one of several, and bears malformed escapes', () => {
    assert.equal(asks(match, { query: '?v=1&v=a+b&w=%zz%' }), true)
  })
})

describe('the number of predicates', () => {
  it('counts the methods as one, and each field and parameter', () => {
    assert.equal(parsePredicates({}).count, 0)
    assert.equal(parsePredicates({ methods: ['GET', 'POST'], headers: { a: '1', b: '2' }, query: { c: '3' } }).count, 4)
    assert.equal(parsePredicates({ methods: [], headers: {}, query: {} }).count, 0)
  })
})
