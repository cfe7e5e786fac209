import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { Sticky, type StickyPolicy } from '../../src/dataplane/upstream/sticky.ts'
import { Subset } from '../../src/dataplane/upstream/subset.ts'
import type { Upstream } from '../../src/dataplane/upstream/upstream.ts'
import { dividedOver } from '../support/data-plane.ts'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { startInstance, type TestInstance } from '../support/instance.ts'

const { dataPlane, cleanUp } = dataPlaneFixture()

async function named(name: string): Promise<TestInstance> {
  const instance = await startInstance(name)
  cleanUp(() => instance.kill())
  return instance
}

function membersOf(instances: Readonly<Record<string, TestInstance>>) {
  return Object.entries(instances).map(([id, { port }]) => ({
    id,
    address: { host: '127.0.0.1', port },
    weight: 1,
    exclusion: null,
    tags: [`name=${id}`],
  }))
}

/** A gateway whose only route is sticky. */
async function start(instances: Readonly<Record<string, TestInstance>>, policy: Partial<StickyPolicy> = {}) {
  const plane = await dataPlane({ upstreams: { app: [] } })
  const upstream = plane.upstreams.get('app')
  assert.ok(upstream)
  upstream.setMembers(membersOf(instances))
  const { snapshot } = plane.gateway
  const sticky = new Sticky({ cookie: 'uid', key: 'a secret of the test', maxAgeMs: null, ...policy })
  const use = (to: readonly { readonly where?: Record<string, string>; readonly weight: number }[]): void => {
    const targets = to.map(({ where, weight }, at) => ({
      name: `part ${at}`,
      upstream,
      picker: where ? new Subset(upstream, where) : upstream,
      weight,
      policy: upstream.policy,
    }))
    const routes = snapshot.routes.map((route) => ({ ...route, sticky, ...dividedOver(targets) }))
    plane.gateway.snapshot = { ...snapshot, routes, router: { find: () => routes[0] ?? null } }
  }
  use([{ weight: 1 }])
  return { ...plane, upstream, use, call: (cookie?: string) => callOf(plane.url, cookie) }
}

async function callOf(url: string, cookie?: string) {
  const { body, headers } = await request(url, { headers: cookie === undefined ? {} : { cookie } })
  const set = headers['set-cookie']
  return { name: await body.text(), set: typeof set === 'string' ? set : null, cookie: String(set).split(';')[0] ?? '' }
}

function exclude(upstream: Upstream, instances: Readonly<Record<string, TestInstance>>, id: string): void {
  const members = membersOf(instances)
  upstream.setMembers(members.map((member) => (member.id === id ? { ...member, exclusion: 'maintenance' as const } : member)))
}

describe('a client of a sticky route', () => {
  it('stays with the instance that served it first and is given the cookie once', async () => {
    const plane = await start({ a: await named('a'), b: await named('b'), c: await named('c') })
    const first = await plane.call()
    assert.match(first.set ?? '', /^uid=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/)
    for (let i = 0; i < 6; i++) {
      const next = await plane.call(`theme=dark; ${first.cookie}`)
      assert.deepEqual([next.name, next.set], [first.name, null])
    }
    const others = new Set([await plane.call(), await plane.call(), await plane.call()].map(({ name }) => name))
    assert.equal(others.size, 3)
  })

  it('stays after a restart, at another gateway, and when the instance has moved to another address', async () => {
    const [a, b] = [await named('a'), await named('b')]
    const first = await (await start({ a, b })).call()
    const moved = await named('moved')
    const plane = await start(first.name === 'a' ? { a: moved, b } : { a, b: moved })
    for (let i = 0; i < 4; i++) assert.equal((await plane.call(first.cookie)).name, 'moved')
  })

  it('goes to another one and stays there when its own is not eligible', async () => {
    const instances = { a: await named('a'), b: await named('b') }
    const plane = await start(instances)
    const first = await plane.call()
    exclude(plane.upstream, instances, first.name)
    const second = await plane.call(first.cookie)
    assert.notEqual(second.name, first.name)
    assert.equal((await plane.call(second.cookie)).set, null)
    plane.upstream.setMembers(membersOf(instances))
    assert.equal((await plane.call(second.cookie)).name, second.name)
  })

  it('goes to another one and stays there when its own cannot be reached', async () => {
    const instances = { a: await named('a'), b: await named('b') }
    const plane = await start(instances)
    const first = await plane.call()
    await instances[first.name as 'a' | 'b'].kill()
    const second = await plane.call(first.cookie)
    assert.notEqual(second.name, first.name)
    assert.ok(second.set)
    const third = await plane.call(second.cookie)
    assert.deepEqual([third.name, third.set], [second.name, null])
  })

  it('stays in its part of a split, whatever becomes of the weights', async () => {
    const plane = await start({ a: await named('a'), b: await named('b') })
    plane.use([
      { where: { name: 'a' }, weight: 1 },
      { where: { name: 'b' }, weight: 1 },
    ])
    const first = await plane.call()
    plane.use([
      { where: { name: first.name }, weight: 1 },
      { where: { name: first.name === 'a' ? 'b' : 'a' }, weight: 1_000_000 },
    ])
    for (let i = 0; i < 5; i++) assert.equal((await plane.call(first.cookie)).name, first.name)
  })
})

describe('the cookie', () => {
  it('that nobody has signed with the key is replaced', async () => {
    const instances = { a: await named('a'), b: await named('b') }
    const plane = await start(instances)
    const other = await (await start(instances, { key: 'another secret of it' })).call()
    for (const cookie of [other.cookie, 'uid=', 'uid=a', 'uid=__proto__', `uid=${'x'.repeat(5_000)}`]) {
      assert.ok((await plane.call(cookie)).set, cookie)
    }
  })

  it('says neither the address nor the id, keeps its age, and needs no key', async () => {
    const plane = await start({ 'shop-1': await named('a') }, { key: null, maxAgeMs: 3_600_000, cookie: 'at' })
    const { set, cookie } = await plane.call()
    assert.match(set ?? '', /^at=[\w-]{22}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/)
    assert.equal((await plane.call(cookie)).set, null)
  })
})
