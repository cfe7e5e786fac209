import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assemble } from '../../src/config/assemble.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { fileWith } from './sources.ts'

function routeOf(text: string) {
  const [route] = assemble(fileWith(`routes: [{ name: r, ${text} }]`), []).hot.routes
  assert.ok(route)
  return route
}

function warningsOf(text: string): readonly string[] {
  return assemble(fileWith(text), []).warnings.map(formatProblem)
}

describe('a route', () => {
  test('splits over subsets of one upstream', () => {
    const { to } = routeOf(
      'to: [{ upstream: shop, where: { version: v1 }, weight: 9 }, { upstream: shop, where: { version: v2 } }, { upstream: shop }]',
    )
    assert.deepEqual(to, [
      { upstream: 'shop', weight: 9, where: { version: 'v1' } },
      { upstream: 'shop', weight: 1, where: { version: 'v2' } },
      { upstream: 'shop', weight: 1 },
    ])
  })

  test('keeps what it says of stickiness, the time for a single attempt and retries', () => {
    const { sticky, timeouts, retry } = routeOf(
      'to: shop, sticky: { cookie: uid, key: 0123456789abcdef, maxAge: 1d }, timeouts: { try: 1s }, retry: { on: [503], budget: 5% }',
    )
    assert.deepEqual(sticky, { cookie: 'uid', key: '0123456789abcdef', maxAgeMs: 86_400_000 })
    assert.equal(timeouts?.tryMs, 1_000)
    assert.deepEqual(retry?.on, { connect: false, reset: false, timeout: false, statuses: [[503, 503]] })
    assert.equal(retry?.budgetRatio, 0.05)
    assert.deepEqual(routeOf('to: shop, sticky: { cookie: uid }').sticky, { cookie: 'uid', key: null, maxAgeMs: null })
    assert.equal(routeOf('to: shop').sticky, undefined)
  })
})

describe('a setting without effect', () => {
  test('is told: a subset of fixed addresses', () => {
    const [warning = '', ...more] = warningsOf(
      'upstreams: { a: { instances: ["127.0.0.1:1"] } }\nroutes: [{ name: r, to: [{ upstream: a, where: { v: "1" } }, { upstream: b, where: { v: "1" } }] }]',
    )
    assert.match(warning, /routes\[0\]: to "a" where … never finds an instance/)
    assert.deepEqual(more, [])
  })

  test('is told: a slow start with a balancer that knows no weights', () => {
    assert.match(warningsOf('upstreams: { a: { slowStart: 5s } }')[0] ?? '', /upstreams\.a: slowStart has no effect/)
    assert.deepEqual(warningsOf('upstreams: { a: { slowStart: 5s, balance: weighted } }'), [])
    assert.deepEqual(warningsOf('defaults: { balance: random }\nupstreams: { a: { slowStart: 5s } }'), [])
  })
})
