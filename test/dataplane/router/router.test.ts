import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../../src/errors.ts'
import type { RouteMatch } from '../../../src/dataplane/router/route-match.ts'
import { compileRouter } from '../../../src/dataplane/router/router.ts'
import { requestHead } from '../../support/request-head.ts'

/** A router whose routes are named by the keys; gives the name of the route that a request takes. */
function routes(matches: Readonly<Record<string, RouteMatch>>): (request: Parameters<typeof requestHead>[0]) => string | null {
  const router = compileRouter(Object.entries(matches).map(([name, match]) => ({ name, match })))
  return (request) => router.find(requestHead(request))?.name ?? null
}

describe('the host', () => {
  const find = routes({ any: {}, wildcard: { host: '*.example.com' }, exact: { host: 'Shop.example.com' } })

  it('that is named wins over a wildcard, and a wildcard over any', () => {
    assert.equal(find({ host: 'shop.example.com' }), 'exact')
    assert.equal(find({ host: 'img.example.com' }), 'wildcard')
    assert.equal(find({ host: 'example.org' }), 'any')
  })

  it('matches a wildcard with exactly one more label in front', () => {
    for (const host of ['example.com', 'a.b.example.com', '.example.com', 'com', '10.0.0.1', '::1'])
      assert.equal(find({ host }), 'any', host)
  })

  it('counts before the path: a wide path of the exact host wins over an exact path of any host', () => {
    const find = routes({ exactPath: { path: '/x' }, exactHost: { host: 'a', path: '/*' } })
    assert.equal(find({ host: 'a', path: '/x' }), 'exactHost')
  })
})

describe('the path', () => {
  const find = routes({
    any: {},
    regex: { path: '~^/api/[a-z]+' },
    prefix: { path: '/api/*' },
    longer: { path: '/api/v1/*' },
    template: { path: '/api/v1/{id}' },
    exact: { path: '/api/v1/me' },
  })

  it('is matched exact, by template, by longer prefix, by regular expression, at last by any', () => {
    assert.equal(find({ path: '/api/v1/me' }), 'exact')
    assert.equal(find({ path: '/api/v1/7' }), 'template')
    assert.equal(find({ path: '/api/v1/7/x' }), 'longer')
    assert.equal(find({ path: '/api/users' }), 'prefix')
    assert.equal(routes({ any: {}, regex: { path: '~^/a' } })({ path: '/abc' }), 'regex')
    assert.equal(find({ path: '/other' }), 'any')
  })

  it('matches a prefix on segment boundaries, and the prefix itself', () => {
    for (const path of ['/api', '/api/', '/api//', '/api/x']) assert.equal(find({ path }), 'prefix', path)
    for (const path of ['/apis', '/ap', '/API', '/']) assert.equal(find({ path }), 'any', path)
  })

  it('matches an exact path only without a slash more or less', () => {
    const find = routes({ exact: { path: '/x' } })
    assert.equal(find({ path: '/x' }), 'exact')
    assert.equal(find({ path: '/x/' }), null)
  })

  it('matches a template with one segment that is not empty', () => {
    const find = routes({ template: { path: '/u/{id}/x' } })
    assert.equal(find({ path: '/u/1/x' }), 'template')
    for (const path of ['/u//x', '/u/1', '/u/1/2/x', '/u/1/x/', '/u/x']) assert.equal(find({ path }), null, path)
  })

  it('takes of two templates the one whose earlier segment is written out', () => {
    const find = routes({ b: { path: '/{a}/x' }, a: { path: '/u/{b}' } })
    assert.equal(find({ path: '/u/x' }), 'a')
    assert.equal(find({ path: '/v/x' }), 'b')
  })

  it('comes back to a template when the written segment leads nowhere', () => {
    const find = routes({ literal: { path: '/u/{a}/x' }, wide: { path: '/{a}/{b}/y' } })
    assert.equal(find({ path: '/u/1/y' }), 'wide')
  })
})

describe('the predicates', () => {
  it('let the next route have a request that they do not take', () => {
    const find = routes({
      any: {},
      prefix: { path: '/a/*' },
      post: { path: '/a/b', methods: ['POST'] },
      host: { host: 'x', path: '/a/b', headers: { a: '1' } },
    })
    assert.equal(find({ path: '/a/b', method: 'POST' }), 'post')
    assert.equal(find({ path: '/a/b' }), 'prefix')
    assert.equal(find({ path: '/a/b', host: 'x', method: 'POST' }), 'post')
    assert.equal(find({ path: '/a/b', host: 'x', headers: ['a', '1'] }), 'host')
    assert.equal(find({ path: '/b', host: 'x' }), 'any')
  })

  it('win when there are more of them, then the earlier route wins', () => {
    const find = routes({
      none: { path: '/a' },
      one: { path: '/a', methods: ['GET'] },
      other: { path: '/a', headers: { a: '1' } },
    })
    assert.equal(find({ path: '/a', headers: ['a', '1'] }), 'one')
    assert.equal(find({ path: '/a', method: 'PUT', headers: ['a', '1'] }), 'other')
    assert.equal(find({ path: '/a', method: 'PUT' }), 'none')
  })
})

describe('the priority', () => {
  it('wins over everything else', () => {
    const find = routes({
      exact: { host: 'a', path: '/x' },
      maintenance: { path: '/*', priority: 1 },
      last: { host: 'a', path: '/x', priority: -1 },
    })
    assert.equal(find({ host: 'a', path: '/x' }), 'maintenance')
  })

  it('is 0 where none is written', () => {
    const find = routes({ low: { path: '/x', priority: -1 }, normal: { path: '/*' } })
    assert.equal(find({ path: '/x' }), 'normal')
  })
})

describe('a router', () => {
  it('without a route that fits gives null', () => {
    assert.equal(routes({})({}), null)
    assert.equal(routes({ a: { host: 'a' } })({ host: 'b' }), null)
  })

  it('gives the very object it was given', () => {
    const route = { name: 'a', match: { path: '/a' }, more: 1 }
    assert.equal(compileRouter([route]).find(requestHead({ path: '/a' })), route)
  })

  it('is not compiled from a pattern that is not valid, and the error names route and part', () => {
    assert.throws(compile({ path: 'x' }), isRefusal(/"shop": match\.path .*must start with/))
    assert.throws(compile({ host: 'a:1' }), isRefusal(/"shop": match\.host .*has a port/))
  })
})

function compile(match: RouteMatch): () => void {
  return () => void compileRouter([{ name: 'shop', match }])
}

function isRefusal(part: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof GatewayError && error.code === 'config_invalid' && part.test(error.message)
}
