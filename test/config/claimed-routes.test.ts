import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeClaims, type ServiceClaims } from '../../src/config/claimed-routes.ts'
import { parseFile } from '../../src/config/file.ts'
import { parseRevisionFile } from '../../src/config/revision.ts'

function claims(service: string, texts: Readonly<Record<string, number>>, silent = 0): ServiceClaims {
  const instances = Object.values(texts).reduce((sum, count) => sum + count, silent)
  return { service, instances, texts: new Map(Object.entries(texts)) }
}

function rules(allow: string, more = '') {
  const text = `listeners: { web: { bind: ":0" } }\nregisteredRoutes: { allow: [${allow}]${more} }\n`
  const found = parseFile(text, 'gateway.yaml', { env: {} }).registeredRoutes
  assert.ok(found)
  return found
}

const shopOnly = rules('{ service: shop, host: shop.example.com, path: /api/* }')

function judged(service: string, text: string, allow = shopOnly) {
  const { allowed, refused } = judgeClaims([claims(service, { [text]: 1 })], allow)
  return { allowed: allowed.map(({ route }) => route), reasons: refused.map(({ reason }) => reason) }
}

function servicesOf(all: readonly ServiceClaims[], allow: ReturnType<typeof rules>) {
  return judgeClaims(all, allow).allowed.map(({ service }) => service)
}

describe('a route that a service claims', () => {
  it('may be any part of what a rule allows, and nothing else', () => {
    for (const route of [
      'shop.example.com/api/*',
      'shop.example.com/api',
      'SHOP.example.com/api/v1/*',
      'shop.example.com/api/{id}',
    ])
      assert.deepEqual(judged('shop', route), { allowed: [route], reasons: [] })
    const refused = /^no rule of registeredRoutes\.allow lets "\w+" have it$/
    for (const route of [
      'shop.example.com/*',
      'shop.example.com',
      'shop.example.com/apix',
      'shop.example.com/apix/*',
      'other.example.com/api/*',
      '*.example.com/api/*',
      '/api/*',
      'shop.example.com/{any}',
    ])
      assert.match(judged('shop', route).reasons.join(), refused, route)
    assert.match(judged('shopx', 'shop.example.com/api/*').reasons.join(), refused)
    assert.match(judged('sho', 'shop.example.com/api/*').reasons.join(), refused)
  })

  it('by a rule with stars may be of any host or service that it takes', () => {
    const team = rules('{ service: "team-a-*", host: "*.a.example.com" }, { service: "*", path: /open/* }')
    assert.deepEqual(judged('team-a-x', 'x.a.example.com/y, *.a.example.com/*', team).allowed, [
      '*.a.example.com/*',
      'x.a.example.com/y',
    ])
    assert.equal(judged('team-a-x', 'x.y.a.example.com', team).allowed.length, 0)
    assert.equal(judged('team-b-x', 'x.a.example.com', team).allowed.length, 0)
    assert.deepEqual(judged('anybody', '/open/*, any.where/open/x', team).allowed, ['/open/*', 'any.where/open/x'])
  })

  it('that makes no sense is refused with what to write', () => {
    const all = rules('{ service: shop }')
    const reason = (text: string) => judged('shop', text, all).reasons.join()
    assert.match(reason('a b'), /^is no route: write a host, a path or both/)
    assert.match(reason('shop.example.com/x*'), /a star is for the end only/)
    assert.match(reason('http://shop.example.com/x'), /.+/)
    assert.match(reason('/a/../b'), /has a \. or \.\. segment/)
    assert.match(reason('shop.example.com:80/x'), /has a port/)
    assert.match(reason('~^/x'), /a regular expression cannot be claimed/)
    assert.match(reason(`/${'x'.repeat(600)}`), /is longer than 512 characters/)
    assert.match(reason('mesh'), /is taken by the gateway itself/)
    assert.deepEqual(judged('shop', ' , ', all), { allowed: [], reasons: [] })
    const each = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`/${at}`, 1]))
    assert.deepEqual(judgeClaims([claims('shop', each)], all).refused, [
      { route: '*', service: 'shop', reason: 'its instances say 11 different things, at most 10 are read' },
    ])
  })

  it('goes to all instances of the service, or while these differ to those that claim it', () => {
    const all = rules('{ service: shop }')
    const sharesOf = (...of: Parameters<typeof claims>) =>
      Object.fromEntries(judgeClaims([claims(...of)], all).allowed.map(({ route, entry }) => [route, entry.value.to]))
    assert.deepEqual(sharesOf('shop', { '/a, /b': 3 }), {
      '/a': [{ upstream: 'shop', weight: 1 }],
      '/b': [{ upstream: 'shop', weight: 1 }],
    })
    assert.deepEqual(sharesOf('shop', { '/a': 2, '/a, /b': 1 }), {
      '/a': [{ upstream: 'shop', weight: 1 }],
      '/b': [{ upstream: 'shop', weight: 1, where: { 'gateway-route': '/a, /b' } }],
    })
    assert.deepEqual(sharesOf('shop', { '/a': 2, '/a, /b': 3 }, 1)['/a'], [
      { upstream: 'shop', weight: 2, where: { 'gateway-route': '/a' } },
      { upstream: 'shop', weight: 3, where: { 'gateway-route': '/a, /b' } },
    ])
  })

  it('that two services claim is of the one that an earlier rule allows, then of the first by name, in whatever order they come', () => {
    const both = [claims('zoo', { '/x': 1 }), claims('shop', { '/x': 1 })]
    for (const all of [both, both.toReversed()]) {
      const first = judgeClaims(all, rules('{ service: zoo, path: /x }, { service: shop }'))
      assert.deepEqual(
        [first.allowed[0]?.service, first.refused],
        ['zoo', [{ route: '/x', service: 'shop', reason: 'the service "zoo" has it' }]],
      )
      assert.equal(judgeClaims(all, rules('{ service: "*" }')).allowed[0]?.service, 'shop')
    }
  })

  it('is one of so many at the most', () => {
    const text = Array.from({ length: 9 }, (_, at) => `/r${at}`).join()
    const { allowed, refused } = judgeClaims([claims('shop', { [text]: 1 })], rules('{ service: shop }', ', most: 7'))
    assert.equal(allowed.length, 7)
    assert.deepEqual(
      refused.map(({ reason }) => reason),
      Array.from({ length: 2 }, () => 'there are 7 already: raise registeredRoutes.most'),
    )
  })
})

describe('services that claim more routes than there may be', () => {
  it('do not push out those who claim few, whatever their names and rules are', () => {
    const greedy = claims('aaa', { [Array.from({ length: 50 }, (_, at) => `/r${at}`).join()]: 1 })
    const modest = [claims('shop', { '/shop/a, /shop/b': 1 }), claims('zoo', { '/zoo': 1 })]
    const ofOneRule = rules('{ service: "*" }', ', most: 7')
    assert.deepEqual(servicesOf([greedy, ...modest], ofOneRule), ['aaa', 'aaa', 'aaa', 'aaa', 'shop', 'shop', 'zoo'])
    const swarm = Array.from({ length: 50 }, (_, at) => claims(`aaa-${at}`, { [`/r${at}`]: 1 }))
    const ofTwoRules = rules('{ service: "aaa-*" }, { service: shop }, { service: zoo }', ', most: 7')
    const found = servicesOf([...swarm, ...modest], ofTwoRules)
    assert.deepEqual([found.length, ...found.slice(-3)], [7, 'shop', 'shop', 'zoo'])
  })
})

describe('who may claim routes', () => {
  it('is said in the config file only, and wrong rules are told with what to write', () => {
    assert.throws(() => parseRevisionFile('registeredRoutes: { allow: [{ service: "*" }] }', 'r.yaml', { env: {} }), {
      message: /r\.yaml:1:1 registeredRoutes: says whom this gateway trusts, so it cannot be in a revision/,
    })
    assert.throws(() => rules(''), /allows nothing: write/)
    assert.throws(() => rules('{ service: "a*b" }'), /a star at the end takes all names that begin so/)
    assert.throws(() => rules('{ service: shop, host: "a.*" }'), /the star stands for one whole label in front/)
    assert.throws(() => rules('{ service: shop, path: api }'), /must start with \//)
  })
})
