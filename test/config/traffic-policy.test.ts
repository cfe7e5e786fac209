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

function upstreamOf(text: string) {
  return assemble(fileWith(text), []).hot.upstreams[0]
}

function warningsOf(text: string): readonly string[] {
  return assemble(fileWith(text), []).warnings.map(formatProblem)
}

const faultsByDefault = { connect: true, reset: true, timeout: true, statuses: [] }

function outlier(defaults: string, own: string) {
  return (assemble(fileWith(`defaults: { ${defaults} }\nupstreams: { shop: { ${own} } }`), []).hot.upstreams[0] ?? assert.fail())
    .policy.outlier
}

function deadlineOf(text: string) {
  return (assemble(fileWith(text), []).hot.upstreams[0] ?? assert.fail()).policy.deadline
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
    assert.deepEqual(routeOf('to: shop, retry: { on: [5xx, 429, 500-502] }').retry?.on?.statuses, [
      [500, 599],
      [429, 429],
      [500, 502],
    ])
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

  test('is told: a zone or a backup by what none of the fixed addresses has', () => {
    const parts = 'zone: {}, backup: { where: [{ tag: spare }, { tag: last }] }'
    assert.deepEqual(
      warningsOf(`upstreams: { a: { instances: ["127.0.0.1:1", { address: "127.0.0.1:2", tags: [last] }], ${parts} } }`).map(
        (warning) => / (\S+ \S.*) has no effect/.exec(warning)?.[1],
      ),
      ['upstreams.a: backup.where { tag: spare }', 'upstreams.a: zone.key zone'],
    )
    assert.deepEqual(warningsOf(`upstreams: { a: { ${parts} } }`), [])
  })
})

describe('an upstream', () => {
  test('has fixed addresses with what a registry would tell of them, and repeats none', () => {
    const source = upstreamOf(
      'upstreams: { a: { instances: ["127.0.0.1:1", { address: "127.0.0.1:2", weight: 3, tags: [backup], meta: { zone: b } }] } }',
    )?.source
    assert.deepEqual(source?.kind === 'static' && source.instances, [
      { address: { host: '127.0.0.1', port: 1 }, weight: 1, tags: [], meta: {} },
      { address: { host: '127.0.0.1', port: 2 }, weight: 3, tags: ['backup'], meta: { zone: 'b' } },
    ])
    assert.throws(
      () => fileWith('upstreams: { a: { instances: ["127.0.0.1:1", { address: "127.0.0.1:1" }] } }'),
      /stands in \[0\] already/,
    )
  })

  test('takes zone and backup from defaults, and can put them off', () => {
    const defaults = 'defaults: { zone: { own: eu-1a, spillBelow: 50% }, backup: { where: [{ tag: backup }], spillBelow: 20% } }'
    const both = upstreamOf(`${defaults}\nupstreams: { a: {} }`)
    assert.deepEqual(both?.zone, { own: 'eu-1a', key: 'zone' })
    assert.equal(both?.policy.zoneSpillBelowRatio, 0.5)
    assert.deepEqual(both?.policy.backup, { where: [{ tag: 'backup' }], spillBelowRatio: 0.2 })
    const neither = upstreamOf(`${defaults}\nupstreams: { a: { zone: off, backup: off } }`)
    assert.equal(neither?.zone, null)
    assert.deepEqual(neither?.policy.backup.where, [])
  })
})

describe('what can be off', () => {
  test('is what the nearest level says, value by value', () => {
    const all = { header: 'X-Request-Timeout-Ms', format: 'ms', accept: true }
    assert.equal(deadlineOf('upstreams: { a: {} }'), null)
    assert.deepEqual(deadlineOf('upstreams: { a: { deadline: {} } }'), all)
    assert.deepEqual(deadlineOf('defaults: { deadline: { accept: false } }\nupstreams: { a: {} }'), { ...all, accept: false })
    assert.deepEqual(deadlineOf('defaults: { deadline: { accept: false } }\nupstreams: { a: { deadline: { format: grpc } } }'), {
      ...all,
      accept: false,
      format: 'grpc',
    })
    assert.equal(deadlineOf('defaults: { deadline: {} }\nupstreams: { a: { deadline: off } }'), null)
    assert.deepEqual(deadlineOf('defaults: { deadline: off }\nupstreams: { a: { deadline: {} } }'), all)
  })

  test('outliers are looked for where a level says so, with what it and the defaults set', () => {
    const window = { failureRatio: 0, slowTimes: 0, slowByMs: 50, windowMs: 10_000, minRequests: 20 }
    const full = { ...window, consecutive: 5, ejectMs: 30_000, maxEjectedRatio: 0.5, on: faultsByDefault }
    assert.equal(outlier('', ''), null)
    assert.deepEqual(outlier('', 'outlier: {}'), full)
    assert.deepEqual(outlier('outlier: { eject: 5s }', ''), { ...full, ejectMs: 5_000 })
    assert.deepEqual(outlier('outlier: { eject: 5s }', 'outlier: { consecutive: 2, on: [reset, 429, 500-504] }'), {
      ...window,
      consecutive: 2,
      ejectMs: 5_000,
      maxEjectedRatio: 0.5,
      on: {
        connect: false,
        reset: true,
        timeout: false,
        statuses: [
          [429, 429],
          [500, 504],
        ],
      },
    })
    assert.equal(outlier('outlier: {}', 'outlier: off'), null)
    assert.deepEqual(outlier('outlier: off', 'outlier: {}'), full)
  })
})

test('a duration that may be 0 says what is missing, whatever is written in its place', () => {
  for (const [written, message] of [
    ['30', /a duration needs a unit: write 30s, or 0 for none/],
    ['"30x"', /is no duration: write 30s, or 0 for none/],
    ['true', /is no duration: write 30s, or 0 for none/],
  ] as const)
    assert.throws(() => upstreamOf(`upstreams: { shop: { slowStart: ${written} } }`), message)
  assert.equal(upstreamOf('upstreams: { shop: { slowStart: 0 } }')?.policy.slowStartMs, 0)
})
