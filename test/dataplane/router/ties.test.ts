import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { RouteMatch } from '../../../src/dataplane/router/route-match.ts'
import { compileRouter } from '../../../src/dataplane/router/router.ts'
import { findTies } from '../../../src/dataplane/router/ties.ts'
import { anyMatch, anyRequest } from '../../support/arbitrary-routes.ts'
import { requestHead } from '../../support/request-head.ts'

const named = (matches: readonly RouteMatch[]) => matches.map((match, i) => ({ name: `r${i}`, match }))
const ties = (...matches: readonly RouteMatch[]) => findTies(named(matches))
const first = (match: RouteMatch): RouteMatch => ({ ...match, priority: 1 })
const tie = [{ first: 0, second: 1, kind: 'tie' }]
const shadowed = [{ first: 0, second: 1, kind: 'shadowed' }]

describe('two routes', () => {
  it('tie when they take the same requests with the same right', () => {
    assert.deepEqual(ties({ host: 'a', path: '/x' }, { host: 'A.', path: '/%78' }), tie)
    assert.deepEqual(ties({ path: '/u/{id}' }, { path: '/u/{name}' }), tie)
    assert.deepEqual(ties({ path: '/*' }, {}), tie)
    assert.deepEqual(
      ties({ path: '/x/*', headers: { 'X-A': '1', b: '2' } }, { path: '/x/*', headers: { b: '2', 'x-a': '1' } }),
      tie,
    )
    assert.deepEqual(ties({ methods: ['GET', 'POST'] }, { methods: ['POST', 'HEAD', 'GET'] }), tie)
    assert.deepEqual(ties({ path: '~^/x' }, { path: '~^/x' }), tie)
  })

  it('do not tie when host, path, predicates or priority differ', () => {
    assert.deepEqual(ties({ host: 'a' }, { host: 'b' }), [])
    assert.deepEqual(ties({ path: '/x' }, { path: '/x/' }), [])
    assert.deepEqual(ties({ path: '/x' }, { path: '/x/*' }), [])
    assert.deepEqual(ties({ path: '/u/{a}/x' }, { path: '/u/x/{a}' }), [])
    assert.deepEqual(ties({ methods: ['GET'] }, { methods: ['POST'] }), [])
    assert.deepEqual(ties({ headers: { a: '1' } }, { headers: { a: '2' } }), [])
    assert.deepEqual(ties({ query: { a: '1' } }, { headers: { a: '1' } }), [])
    assert.deepEqual(ties({ path: '/x' }, { path: '/x', methods: ['GET'] }), [])
  })

  it('are no tie but a shadow when the earlier one takes more with the same number of predicates', () => {
    assert.deepEqual(ties({ methods: ['GET', 'POST'] }, { methods: ['POST'] }), shadowed)
    assert.deepEqual(ties({ methods: ['POST'] }, { methods: ['GET', 'POST'] }), [])
  })
})

describe('a route of higher priority', () => {
  it('shadows what is inside of it', () => {
    assert.deepEqual(ties(first({}), { host: 'a', path: '/x', methods: ['GET'] }), shadowed)
    assert.deepEqual(ties(first({ host: '*.a.test' }), { host: 'x.a.test', path: '/x' }), shadowed)
    assert.deepEqual(ties(first({ path: '/x/*' }), { path: '/x' }), shadowed)
    assert.deepEqual(ties(first({ path: '/x/*' }), { path: '/x/y/*' }), shadowed)
    assert.deepEqual(ties(first({ path: '/x/*' }), { path: '/x/{id}' }), shadowed)
    assert.deepEqual(ties(first({ path: '/x/{id}' }), { path: '/x/1' }), shadowed)
    assert.deepEqual(ties(first({ path: '~^/x' }), { path: '/xyz' }), shadowed)
    assert.deepEqual(ties(first({ headers: { a: '1' } }), { headers: { a: '1', b: '2' } }), shadowed)
    assert.deepEqual(ties(first({ path: '/x' }), { path: '/x' }), shadowed)
  })

  it('shadows nothing that reaches beyond it', () => {
    assert.deepEqual(ties(first({ host: 'a' }), {}), [])
    assert.deepEqual(ties(first({ host: '*.a.test' }), { host: 'y.x.a.test' }), [])
    assert.deepEqual(ties(first({ host: 'x.a.test' }), { host: '*.a.test' }), [])
    assert.deepEqual(ties(first({ path: '/x/*' }), { path: '/xy' }), [])
    assert.deepEqual(ties(first({ path: '/x/y/*' }), { path: '/x/*' }), [])
    assert.deepEqual(ties(first({ path: '/x/{id}' }), { path: '/x/' }), [])
    assert.deepEqual(ties(first({ path: '/x/1' }), { path: '/x/{id}' }), [])
    assert.deepEqual(ties(first({ path: '~^/x' }), { path: '/x/*' }), [])
    assert.deepEqual(ties(first({ methods: ['GET'] }), { path: '/x' }), [])
  })
})

describe('the search', () => {
  it('names each pointless route once, in the order of the config', () => {
    assert.deepEqual(ties({ path: '/a' }, { path: '/b' }, { path: '/b' }, { path: '/a' }, { path: '/a' }), [
      { first: 1, second: 2, kind: 'tie' },
      { first: 0, second: 3, kind: 'tie' },
      { first: 0, second: 4, kind: 'tie' },
    ])
  })

  it('names a winner that comes later in the config as the first', () => {
    assert.deepEqual(ties({ path: '/a' }, { priority: 1 }), [{ first: 1, second: 0, kind: 'shadowed' }])
  })

  it('leaves out routes with a pattern that is not valid', () => {
    assert.deepEqual(ties({ path: 'x' }, { path: 'x' }, { host: ':' }), [])
  })

  it('never names a route that some request reaches', () => {
    fc.assert(
      fc.property(
        fc.array(anyMatch, { maxLength: 12 }),
        fc.array(anyRequest, { minLength: 1, maxLength: 8 }),
        (matches, requests) => {
          const routes = named(matches)
          const pointless = new Set(findTies(routes).map(({ second }) => `r${second}`))
          const router = compileRouter(routes)
          for (const parts of requests) {
            const found = router.find(requestHead(parts))
            assert.ok(!found || !pointless.has(found.name), JSON.stringify({ matches, parts, found }))
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
