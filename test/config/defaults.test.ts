import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { probeTable } from '../../src/health/table.ts'
import { dnsDefaults } from '../../src/registry-server/dns/options.ts'
import { assemble } from '../../src/config/assemble.ts'
import type { HotConfig, UpstreamConfig } from '../../src/config/config.ts'
import { parseFile } from '../../src/config/file.ts'
import { fileWith } from './sources.ts'

function hotOf(text: string): HotConfig {
  return assemble(fileWith(text), []).hot
}

function upstreamOf(text: string, name = 'shop'): UpstreamConfig {
  const hot = hotOf(text)
  return hot.upstreams.find((upstream) => upstream.name === name) ?? hot.defaultUpstream(name)
}

const faultsByDefault = { connect: true, reset: true, timeout: true, statuses: [] }

const sizes = { headBytes: 16_384, headerCount: 100, bodyBytesPerSecond: 240, connections: 10_000 }
const times = { firstByteTimeoutMs: 10_000, headTimeoutMs: 10_000, requestTimeoutMs: 0, keepAliveMs: 65_000 }

describe('the smallest file', () => {
  const { cold } = fileWith('')

  test('has the documented defaults in every cold section', () => {
    assert.deepEqual(cold, {
      listeners: [
        {
          name: 'web',
          bind: { host: '0.0.0.0', port: 8080 },
          mode: 'front',
          proxyStatus: 'off',
          debug: null,
          trust: [],
          limits: { ...sizes, ...times },
        },
      ],
      admin: { bind: { host: '127.0.0.1', port: 8081 } },
      registry: {
        kind: 'embedded',
        http: { host: '127.0.0.1', port: 8500 },
        dns: { ...dnsDefaults, bind: { host: '127.0.0.1', port: 8600 } },
        data: './data',
        node: null,
        datacenter: 'dc1',
        token: null,
        readToken: null,
        tls: null,
        enableScripts: false,
      },
      kv: { prefix: 'gateway' },
      services: [],
      machine: { exec: [], execEnv: [], backups: './backups' },
      workers: 1,
      shutdown: { graceMs: 1_000, drainMs: 30_000 },
      log: { level: 'info', format: 'auto', access: false },
    })
  })

  test('gives an upstream that nobody declares the built-in policies', () => {
    assert.deepEqual(upstreamOf(''), {
      name: 'shop',
      source: { kind: 'service', service: 'shop' },
      policy: {
        timeouts: { connectMs: 1_000, responseMs: 15_000, idleMs: 60_000, tryMs: 0, totalMs: 0 },
        retry: {
          attempts: 2,
          on: faultsByDefault,
          budgetRatio: 0.2,
          backoffMs: 25,
          maxBackoffMs: 250,
          retryAfterMs: 1_000,
          holdBytes: 0,
        },
        balance: { kind: 'round-robin', options: {} },
        maxConnections: 128,
        maxQueued: 1_024,
        warmConnections: 0,
        pipelining: 1,
        slowStartMs: 0,
        outlier: null,
        deadline: null,
        hedge: null,
        breaker: null,
        concurrency: null,
        panicRatio: 0,
        zoneSpillBelowRatio: 0.7,
        backup: { where: [], spillBelowRatio: 0 },
      },
      zone: null,
      health: {
        probe: { kind: 'tcp', options: {} },
        everyMs: 2_000,
        everyUnhealthyMs: null,
        everyRisingMs: null,
        jitterRatio: 0.2,
        timeoutMs: 1_000,
        healthy: 2,
        unhealthy: 3,
        shared: 0,
      },
      brake: { aboveRatio: 0.5, holdMs: 60_000 },
    })
  })
})

describe('precedence', () => {
  const text = `
defaults:
  timeouts: { connect: 2s, response: 20s }
  health: { http: /up, every: 5s }
  balance: weighted
upstreams:
  shop:
    timeouts: { response: 30s }
    health: { every: 9s }
routes:
  - { name: shop, match: { path: /a }, to: shop, timeouts: { idle: 5s }, retry: { attempts: 1 } }
`

  test('an upstream wins over the defaults and they over what is built in, value by value', () => {
    const { policy, health } = upstreamOf(text)
    assert.deepEqual(policy.timeouts, { connectMs: 2_000, responseMs: 30_000, idleMs: 60_000, tryMs: 0, totalMs: 0 })
    assert.deepEqual(policy.balance, { kind: 'weighted', options: {} })
    assert.deepEqual(health, {
      probe: { kind: 'http', options: probeTable['http']?.options.parse('/up') },
      everyMs: 9_000,
      everyUnhealthyMs: null,
      everyRisingMs: null,
      jitterRatio: 0.2,
      timeoutMs: 1_000,
      healthy: 2,
      unhealthy: 3,
      shared: 0,
    })
  })

  test('an upstream that only a route names gets the defaults', () => {
    const { policy, health } = upstreamOf(text, 'other')
    assert.equal(policy.timeouts.responseMs, 20_000)
    assert.equal(health.everyMs, 5_000)
  })

  test('an upstream with a probe of another kind does not keep the one of the defaults', () => {
    const { health } = upstreamOf('defaults: { health: { http: /up } }\nupstreams: { shop: { health: { tcp: {} } } }')
    assert.deepEqual(health.probe, { kind: 'tcp', options: {} })
  })

  test('a route keeps what it sets apart, to be laid over its upstream', () => {
    const [route] = hotOf(text).routes
    assert.equal(route?.timeouts?.idleMs, 5_000)
    assert.equal(route?.timeouts?.responseMs, undefined)
    assert.equal(route?.retry?.attempts, 1)
  })
})

describe('routes', () => {
  test('in one line take host, path or both, and are named by what is in front of the arrow', () => {
    const { routes } = hotOf(`routes:
  - /admin/* -> admin
  - shop.example.com/img/* -> images
  - "*.example.com -> any"
  - ~^/re -> re
`)
    assert.deepEqual(
      routes.map(({ name, match, to }) => ({ name, match, to: to[0]?.upstream })),
      [
        { name: '/admin/*', match: { path: '/admin/*' }, to: 'admin' },
        { name: 'shop.example.com/img/*', match: { host: 'shop.example.com', path: '/img/*' }, to: 'images' },
        { name: '*.example.com', match: { host: '*.example.com' }, to: 'any' },
        { name: '~^/re', match: { path: '~^/re' }, to: 're' },
      ],
    )
  })

  test('split over upstreams by weight, which is 1 unless it is written', () => {
    const { routes } = hotOf('routes: [{ name: a, to: [{ upstream: x, weight: 95 }, { upstream: y }] }]')
    assert.deepEqual(routes[0]?.to, [
      { upstream: 'x', weight: 95 },
      { upstream: 'y', weight: 1 },
    ])
  })

  test('keep the order of their filters, with the options as they are written', () => {
    const { routes } = hotOf(`routes:
  - name: a
    filters: [{ setHeaders: { response: { server: null } } }, { rewritePath: { strip: /a } }]
    to: x
`)
    assert.deepEqual(routes[0]?.filters, [
      { kind: 'setHeaders', options: { response: { server: null } } },
      { kind: 'rewritePath', options: { strip: '/a' } },
    ])
  })
})

describe('other sections', () => {
  test('an upstream with instances is static', () => {
    const { source } = upstreamOf('upstreams: { shop: { instances: ["10.0.0.5:8080", "[::1]:81"] } }')
    assert.deepEqual(source, {
      kind: 'static',
      instances: [
        { address: { host: '10.0.0.5', port: 8080 }, weight: 1, tags: [], meta: {} },
        { address: { host: '::1', port: 81 }, weight: 1, tags: [], meta: {} },
      ],
    })
  })

  test('a task has its kind, its options, UTC and a minute unless it says otherwise', () => {
    const { tasks } = hotOf('tasks: [{ name: t, cron: "0 3 * * *", call: POST http://reports/run?full=1 }]')
    assert.deepEqual(tasks, [
      {
        name: 't',
        cron: '0 3 * * *',
        timezone: 'UTC',
        timeoutMs: 60_000,
        jitterMs: 0,
        overlap: 'skip',
        catchUp: 'off',
        startWithinMs: 3_600_000,
        retry: { attempts: 1, backoffMs: 1_000, maxBackoffMs: 60_000 },
        kind: 'call',
        options: { method: 'POST', service: 'reports', path: '/run?full=1' },
      },
    ])
  })

  test('a service is on loopback, has its name as id and no check unless it says otherwise', () => {
    const { cold } = fileWith('services: [{ name: a, port: 9090 }, { name: a, id: a-2, port: "9091", check: { http: /up } }]')
    assert.deepEqual(cold.services, [
      { name: 'a', id: 'a', address: { host: '127.0.0.1', port: 9090 }, tags: [], meta: {}, check: null },
      {
        name: 'a',
        id: 'a-2',
        address: { host: '127.0.0.1', port: 9091 },
        tags: [],
        meta: {},
        check: { kind: 'http', path: '/up', everyMs: 10_000, timeoutMs: 2_000 },
      },
    ])
  })

  test('a Consul address may lack its scheme, and an empty token is none', () => {
    const { cold } = fileWith('registry: { consul: { address: "127.0.0.1:8501", token: "" } }')
    const rest = { state: './state', ageHeader: false }
    assert.deepEqual(cold.registry, { kind: 'consul', address: 'http://127.0.0.1:8501', token: null, datacenter: null, ...rest })
  })

  test('nothing is kept of a Consul on disk if state is off', () => {
    const { cold } = fileWith('registry: { consul: { address: "127.0.0.1:8501", state: off, ageHeader: true } }')
    const { registry } = cold
    assert.deepEqual(registry.kind === 'consul' && [registry.state, registry.ageHeader], [null, true])
  })

  test('a mass removal brake is filled up from the defaults', () => {
    const text = 'defaults: { brake: { hold: 5s } }\nupstreams: { shop: { brake: { above: 100% } } }'
    assert.deepEqual(upstreamOf(text).brake, { aboveRatio: 1, holdMs: 5_000 })
    assert.deepEqual(upstreamOf(text, 'other').brake, { aboveRatio: 0.5, holdMs: 5_000 })
  })

  test('JSON is as good as YAML', () => {
    const file = parseFile(JSON.stringify({ listeners: { web: { bind: ':1' } }, routes: ['/a -> b'] }), 'gateway.json', {
      env: {},
    })
    assert.equal(file.routes.length, 1)
  })

  test('an anchored value can be used again', () => {
    const { upstreams } = hotOf('upstreams: { a: &slow { timeouts: { response: 1m } }, b: *slow }')
    assert.deepEqual(
      upstreams.map(({ policy }) => policy.timeouts.responseMs),
      [60_000, 60_000],
    )
  })
})
