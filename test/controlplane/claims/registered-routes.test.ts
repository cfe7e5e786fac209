import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceClaims } from '../../../src/config/claimed-routes.ts'
import { emptyRevision, parseRevisionFile } from '../../../src/config/revision.ts'
import { placeOfRoute } from '../../../src/controlplane/explain/config-layers.ts'
import { requestHead } from '../../support/request-head.ts'
import { kvTexts, startControlPlane } from '../control-plane.ts'

const rules = 'registeredRoutes: { allow: [{ service: shop, path: /shop/* }, { service: cart, path: /* }] }\n'

function claim(service: string, text: string): ServiceClaims {
  return { service, instances: 1, texts: new Map([[text, 1]]) }
}

function start(file = '') {
  const plane = startControlPlane(`${rules}${file}`)
  const { reconciler, gateway } = plane
  return {
    ...plane,
    /** The upstream that a path goes to. */
    takes: (path: string) => gateway.snapshot.router.find(requestHead({ path }))?.to[0]?.upstream.name ?? null,
    /** Of each claim, whether it serves, or why not. */
    became: () => Object.fromEntries(reconciler.status().registered.map(({ route, reason }) => [route, reason ?? 'serves'])),
  }
}

describe('a registered route', () => {
  it('serves beside the config, comes and goes with its service, and tells where it is from', async (t) => {
    const { reconciler, takes, became, log, close } = start('routes: [/file -> file]')
    t.after(close)
    reconciler.setClaims([claim('shop', '/shop/*')])
    assert.deepEqual([takes('/shop/1'), takes('/file'), became()], ['shop', 'file', { '/shop/*': 'serves' }])
    assert.equal(placeOfRoute('/shop/*', reconciler.layers), 'registry:shop:1:1')
    reconciler.setClaims([])
    assert.deepEqual([takes('/shop/1'), takes('/file'), became()], [null, 'file', {}])
    const events = ['route.registered', 'route.unregistered'].map((event) => log.of(event).map(({ route }) => route))
    assert.deepEqual(events, [['/shop/*'], ['/shop/*']])
  })

  it('gives way to what is configured, in the file, a revision or KV, and is back when that is gone', async (t) => {
    const { reconciler, takes, became, log, setFile, close } = start()
    t.after(close)
    reconciler.setClaims([claim('shop', '/shop/*')])
    setFile(`${rules}routes: [{ name: mine, match: { path: /shop/* }, to: file }]`)
    assert.equal(reconciler.status().file.state, 'applied')
    assert.deepEqual([takes('/shop/1'), became()['/shop/*']?.includes('route "mine" at gateway.yaml:')], ['file', true])
    setFile(rules)
    assert.equal(takes('/shop/1'), 'shop')
    const revision = parseRevisionFile('routes: ["/shop/* -> revised"]', 'r.yaml', { env: {} })
    assert.equal(reconciler.withRevision(revision).hot.routes.length, 1)
    assert.deepEqual(reconciler.setRevision(revision), [])
    assert.deepEqual(
      [takes('/shop/1'), became()],
      ['revised', { '/shop/*': 'the config has a route of this name at r.yaml:1:10' }],
    )
    reconciler.setRevision(emptyRevision('r'))
    reconciler.setEntries(kvTexts({ 'routes/keyed': '{ match: { path: /shop/* }, to: keyed }' }))
    assert.deepEqual([takes('/shop/1'), /kv:gateway\/routes\/keyed/.test(became()['/shop/*'] ?? '')], ['keyed', true])
    reconciler.setEntries([])
    assert.deepEqual([takes('/shop/1'), became()], ['shop', { '/shop/*': 'serves' }])
    assert.equal(log.of('route.claim_refused').length, 3)
  })

  it('of a part of what is configured takes that part, as any more special route does', async (t) => {
    const { reconciler, takes, close } = start('routes: [/* -> monolith]')
    t.after(close)
    reconciler.setClaims([claim('shop', '/shop/*'), claim('cart', '/shop/cart')])
    assert.deepEqual(['/x', '/shop/1', '/shop/cart'].map(takes), ['monolith', 'shop', 'cart'])
  })

  it('never goes to an upstream that is called like the service and is another one', async (t) => {
    const { reconciler, takes, became, close } = start('upstreams: { shop: { instances: ["127.0.0.1:9"] } }')
    t.after(close)
    reconciler.setClaims([claim('shop', '/shop/*')])
    assert.deepEqual([takes('/shop/1'), became()['/shop/*']], [null, 'the upstream "shop" of the config is not this service'])
  })

  it('is not kept from another service by one that cannot have it', async (t) => {
    const open = 'registeredRoutes: { allow: [{ service: "*", path: /shop/* }], most: 1 }\n'
    const { reconciler, takes, setFile, close } = start()
    t.after(close)
    setFile(`${open}upstreams: { aaa: { instances: ["127.0.0.1:9"] } }`)
    reconciler.setClaims([claim('aaa', '/shop/*, /shop/a'), claim('shop', '/shop/*')])
    assert.equal(takes('/shop/1'), 'shop')
    assert.deepEqual(
      reconciler.status().registered.map(({ service, state }) => [service, state]),
      [
        ['shop', 'serving'],
        ['aaa', 'refused'],
        ['aaa', 'refused'],
      ],
    )
  })

  it('goes with the rule that allows it', async (t) => {
    const { reconciler, takes, became, setFile, close } = start()
    t.after(close)
    reconciler.setClaims([claim('shop', '/shop/*'), claim('shop2', '/shop/*')])
    assert.match(became()['/shop/*'] ?? '', /^no rule of registeredRoutes\.allow lets "shop2" have it$/)
    assert.equal(takes('/shop/1'), 'shop')
    setFile('registeredRoutes: { allow: [{ service: shop, path: /other }] }')
    assert.equal(takes('/shop/1'), null)
    setFile('')
    assert.deepEqual([takes('/shop/1'), became()], [null, {}])
    setFile(rules)
    assert.equal(takes('/shop/1'), 'shop')
  })
})
