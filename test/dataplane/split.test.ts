import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { Split, type SplitPart, type SplitPolicy } from '../../src/dataplane/split.ts'
import { Sticky } from '../../src/dataplane/upstream/sticky.ts'
import { askerWith } from '../support/balancing.ts'
import { dividedOver } from '../support/data-plane.ts'
import { dataPlaneFixture } from '../support/data-plane-fixture.ts'
import { requestHead } from '../support/request-head.ts'
import { seededRandom } from '../support/seeded-random.ts'

const { dataPlane, instance } = dataPlaneFixture()

function parts(weights: Readonly<Record<string, number>>): SplitPart[] {
  return Object.entries(weights).map(([name, weight]) => ({ name, weight }))
}

/** Which part each of many users gets, by a split of its own. */
function choices(weights: Readonly<Record<string, number>>, policy: Partial<SplitPolicy>, users = 10_000): readonly string[] {
  const split = new Split(parts(weights), { by: null, force: [], ...policy })
  const random = seededRandom(1)
  return Array.from({ length: users }, (_, user) => {
    const asker = askerWith(user)
    return split.choose(split.open(asker), asker, random).name
  })
}

function shareOf(chosen: readonly string[], name: string): number {
  return chosen.filter((one) => one === name).length / chosen.length
}

function asking(...headers: string[]) {
  return { request: requestHead({ headers }), trusted: false }
}

/** A gateway whose only route is split over upstreams, each with one instance that answers its name. */
async function start(weights: Readonly<Record<string, number>>, policy: SplitPolicy) {
  const servers = new Map<string, number>()
  for (const name of Object.keys(weights)) {
    const { port } = await instance((_request, response) => void response.end(name))
    servers.set(name, port)
  }
  const plane = await dataPlane({ upstreams: Object.fromEntries([...servers].map(([name, port]) => [name, [port]])) })
  const { snapshot } = plane.gateway
  const use = (next: Readonly<Record<string, number>>, sticky?: Sticky): void => {
    const to = Object.entries(next).map(([name, weight]) => {
      const upstream = plane.upstreams.get(name)
      assert.ok(upstream)
      return { name, upstream, picker: upstream, weight, policy: upstream.policy }
    })
    const routes = snapshot.routes.map((route) => ({ ...route, sticky, ...dividedOver(to, policy) }))
    plane.gateway.snapshot = { ...snapshot, routes, router: { find: () => routes[0] ?? null } }
  }
  use(weights)
  const call = async (headers: Record<string, string> = {}): Promise<{ name: string; cookie: string }> => {
    const answer = await request(plane.url, { headers })
    return { name: await answer.body.text(), cookie: String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '' }
  }
  return { plane, use, call }
}

describe('a split', () => {
  it('gives each destination its share, and one of weight 0 nothing', () => {
    for (const by of [null, 'cookie uid', 'header x-user', 'client.ip', 'path']) {
      const chosen = choices({ stable: 90, canary: 10, dark: 0 }, { by })
      assert.ok(Math.abs(shareOf(chosen, 'canary') - 0.1) < 0.015, `${by}: ${shareOf(chosen, 'canary')}`)
      assert.equal(shareOf(chosen, 'dark'), 0)
    }
  })

  for (const by of ['cookie uid', 'header x-user', 'client.ip']) {
    it(`by ${by} keeps each user at its destination, at every gateway and after restarts`, () => {
      assert.deepEqual(choices({ stable: 1, canary: 1 }, { by }), choices({ stable: 1, canary: 1 }, { by }))
    })
  }

  it('moves only as many users as the weights do, and none between destinations that keep theirs', () => {
    const before = choices({ stable: 90, canary: 10 }, { by: 'cookie uid' })
    const after = choices({ stable: 80, canary: 20 }, { by: 'cookie uid' })
    const moved = before.filter((name, user) => after[user] !== name).length / before.length
    assert.ok(moved > 0.08 && moved < 0.13, `${moved} moved`)
    assert.ok(before.every((name, user) => name === 'stable' || after[user] === 'canary'))
  })

  it('knows who lacks the cookie by its address', () => {
    const split = new Split(parts({ a: 1, b: 1 }), { by: 'cookie none', force: [] })
    const byAddress = new Split(parts({ a: 1, b: 1 }), { by: 'client.ip', force: [] })
    const random = seededRandom(1)
    for (let user = 0; user < 50; user++) {
      const asker = askerWith(user)
      assert.equal(split.choose(split.open(asker), asker, random), split.choose(split.open(asker), asker, random))
      assert.equal(
        split.choose(split.open(asker), asker, random).name,
        byAddress.choose(byAddress.open(asker), asker, random).name,
      )
    }
  })

  it('lets a request name its destination, one of weight 0 too, and heeds no name that there is not', () => {
    const split = new Split(parts({ stable: 1, dark: 0 }), { by: null, force: ['header x-variant', 'cookie variant'] })
    const nameFor = (...headers: string[]): string => {
      const asker = asking(...headers)
      return split.choose(split.open(asker), asker, seededRandom(1)).name
    }
    assert.equal(nameFor('X-Variant', 'dark'), 'dark')
    assert.equal(nameFor('Cookie', 'a=b; variant=dark'), 'dark')
    assert.equal(nameFor('X-Variant', 'stable', 'Cookie', 'variant=dark'), 'stable')
    for (const odd of ['nobody', '', 'Dark', '__proto__', 'constructor']) assert.equal(nameFor('X-Variant', odd), 'stable')
  })
})

describe('a route with a split', () => {
  it('sends each user where it belongs, and who names a destination there', async () => {
    const { call } = await start({ blue: 1, green: 1, dark: 0 }, { by: 'cookie uid', force: ['header x-variant'] })
    const first = await Promise.all(Array.from({ length: 20 }, (_, user) => call({ cookie: `uid=${user}` })))
    const again = await Promise.all(Array.from({ length: 20 }, (_, user) => call({ cookie: `uid=${user}` })))
    assert.deepEqual(
      again.map(({ name }) => name),
      first.map(({ name }) => name),
    )
    assert.equal(new Set(first.map(({ name }) => name)).size, 2)
    assert.equal((await call({ 'x-variant': 'dark' })).name, 'dark')
  })

  it('moves clients that stick to an instance when its destination gets nothing any more', async () => {
    const { use, call } = await start({ blue: 1, green: 0 }, { by: null, force: ['header x-variant'] })
    const sticky = new Sticky({ cookie: 'at', key: 'a secret of the test', maxAgeMs: null })
    use({ blue: 1, green: 0 }, sticky)
    const { name, cookie } = await call()
    assert.equal(name, 'blue')
    assert.equal((await call({ cookie, 'x-variant': 'green' })).name, 'green')
    use({ blue: 0, green: 1 }, sticky)
    assert.equal((await call({ cookie })).name, 'green')
  })
})
