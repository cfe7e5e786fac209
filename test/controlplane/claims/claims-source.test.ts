import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceClaims } from '../../../src/config/claimed-routes.ts'
import type { RegisteredRoutesConfig } from '../../../src/config/config.ts'
import { ClaimsSource } from '../../../src/controlplane/claims/claims-source.ts'
import { ServiceWatches } from '../../../src/discovery/service-watches.ts'
import { GatewayError } from '../../../src/errors.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { handRegistry, instance, keptLog } from '../control-plane.ts'

const forServices = (...services: readonly string[]): RegisteredRoutesConfig => ({
  allow: services.map((service) => ({ service, match: {} })),
  most: 100,
  lingerMs: 60_000,
})

const claiming = (service: string, port: number, text: string) => instance(service, port, { meta: { 'gateway-route': text } })

function start(rules: RegisteredRoutesConfig | null) {
  const [clock, registry, log] = [new ManualClock(), handRegistry(), keptLog()]
  const told: (readonly ServiceClaims[])[] = []
  const watches = new ServiceWatches(registry)
  const source = new ClaimsSource({ registry, watches, clock, logger: log.logger, onClaims: (claims) => void told.push(claims) })
  source.follow(rules)
  /** What each service claims by now, and how many of its instances. */
  const now = () => (told.at(-1) ?? []).map(({ service, instances, texts }) => [service, instances, ...texts].flat())
  return { clock, registry, log, told, source, now }
}

describe('what services claim', () => {
  it('is read from the meta of the instances of those whom a rule is for, and of nobody else', (t) => {
    const { registry, source, now, told } = start(forServices('shop'))
    t.after(() => source.close())
    assert.deepEqual([registry.watched, source.awaited], [['shop'], ['shop']])
    registry.list('shop', [claiming('shop', 1, '/a'), claiming('shop', 2, '/a'), instance('shop', 3)])
    assert.deepEqual(now(), [['shop', 3, '/a', 2]])
    registry.list('shop', [claiming('shop', 1, '/a'), claiming('shop', 2, '/a, /b'), instance('shop', 3)])
    assert.deepEqual(now(), [['shop', 3, '/a', 1, '/a, /b', 1]])
    assert.deepEqual([source.awaited, told.length], [[], 2])
    registry.list('shop', [instance('shop', 1)])
    assert.deepEqual(now(), [], 'instances that claim it no more take it with them at once')
  })

  it('stays for a while after the last instance has gone, and goes then', async (t) => {
    const { clock, registry, source, now } = start(forServices('shop'))
    t.after(() => source.close())
    registry.list('shop', [claiming('shop', 1, '/a')])
    registry.list('shop', [])
    await clock.advance(59_999)
    assert.deepEqual(now(), [['shop', 1, '/a', 1]])
    registry.list('shop', [claiming('shop', 2, '/b')])
    await clock.advance(60_000)
    assert.deepEqual(now(), [['shop', 1, '/b', 1]])
    registry.list('shop', [])
    await clock.advance(60_000)
    assert.deepEqual([now(), registry.watched], [[], ['shop']])
  })

  it('stays while the registry is away', async (t) => {
    const { clock, registry, source, now } = start(forServices('shop', 'silent'))
    t.after(() => source.close())
    registry.list('shop', [claiming('shop', 1, '/a')])
    assert.deepEqual(source.awaited, ['silent'])
    registry.fail(new GatewayError('registry_unavailable', 'away'))
    await clock.advance(3_600_000)
    assert.deepEqual([now(), source.awaited], [[['shop', 1, '/a', 1]], []])
  })

  it('is followed of all services that a rule with a star is for, for as long as they are listed or claim something', async (t) => {
    const { clock, registry, source, now } = start(forServices('team-*', 'shop'))
    t.after(() => source.close())
    assert.deepEqual(source.awaited, ['the names of services', 'shop'])
    registry.listServices(['consul', 'shop', 'team-x', 'team-y'])
    assert.deepEqual(registry.watched, ['shop', 'team-x', 'team-y'])
    registry.list('team-x', [claiming('team-x', 1, '/x')])
    registry.listServices(['consul'])
    assert.deepEqual([registry.watched, now()], [['shop', 'team-x'], [['team-x', 1, '/x', 1]]])
    registry.list('team-x', [])
    await clock.advance(60_000)
    assert.deepEqual([registry.watched, now()], [['shop'], []])
  })

  it('is followed by other rules as soon as the config file has them, and by none when it has none', async (t) => {
    const { registry, source, now, clock } = start(forServices('shop'))
    t.after(() => source.close())
    registry.list('shop', [claiming('shop', 1, '/a')])
    source.follow(forServices('cart'))
    assert.deepEqual([registry.watched, now()], [['cart'], []])
    registry.list('cart', [claiming('cart', 1, '/c')])
    source.follow(forServices('*'))
    registry.listServices(['cart', 'other'])
    assert.deepEqual([registry.watched, now()], [['cart', 'other'], [['cart', 1, '/c', 1]]])
    source.follow(null)
    assert.deepEqual([registry.watched, now(), source.awaited, clock.pending], [[], [], [], 0])
  })

  it('is nothing, and nothing is watched, without a rule', () => {
    const { registry, told, source } = start(null)
    source.close()
    assert.deepEqual([registry.watched, told], [[], []])
  })

  it('is read of a thousand services of a rule with a star, and the log says how many are left out', (t) => {
    const { registry, source, log } = start(forServices('*'))
    t.after(() => source.close())
    registry.listServices(Array.from({ length: 1_003 }, (_, at) => `s${at}`))
    assert.equal(registry.watched.length, 1_000)
    assert.equal(log.of('route.claims_unread')[0]?.['services'], 3)
  })
})
