import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressOf, probingFleet, range, type Sent } from './probing-fleet.ts'

const EVERY_MS = 1_000

/** The most probes that an instance has had within one interval, wherever that begins. */
function mostPerInterval(sent: readonly Sent[]): number {
  const byInstance = Map.groupBy(sent, ({ instance }) => instance)
  return Math.max(...[...byInstance.values()].map((probes) => mostOf(probes.map(({ at }) => at))))
}

function mostOf(times: readonly number[]): number {
  let [most, from] = [0, 0]
  for (const [to, at] of times.entries()) {
    while (at - (times[from] ?? at) >= EVERY_MS) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}

describe('20 replicas that share the probes of hundreds of instances', () => {
  it('send none of 500 more than twice k probes in an interval, also when a tenth of them goes down', async () => {
    const fleet = probingFleet({ seed: 1, instances: 500 })
    const replicas = range(20).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(2_500)
    const from = fleet.sent.length
    await fleet.clock.advance(2_000)
    fleet.setWorld((instance) => instance % 10 !== 0)
    await fleet.clock.advance(5_000)
    for (const { checkers } of replicas)
      for (const instance of range(500))
        assert.equal(checkers.stateOf(addressOf(instance)), instance % 10 === 0 ? 'unhealthy' : 'healthy')
    const sent = fleet.sent.slice(from)
    assert.ok(mostPerInterval(sent) <= 2 * fleet.policy.shared, `${mostPerInterval(sent)} probes in an interval`)
    assert.ok(sent.length <= 500 * 7 * fleet.policy.shared * 1.1, `${sent.length} probes in 7 intervals`)
    const [upAt, upFrom] = [fleet.clock.monotonic(), fleet.sent.length]
    fleet.setWorld(() => true)
    await fleet.clock.advance(2_000)
    // The passes that bring an instance back come on top.
    const confirming = fleet.policy.shared * (fleet.policy.healthy - 1)
    const most = mostPerInterval(fleet.sent.slice(upFrom))
    assert.ok(most <= 2 * fleet.policy.shared + confirming, `${most} probes in an interval`)
    const back = fleet.changes.filter(({ at, state }) => at >= upAt && state === 'healthy')
    assert.equal(back.length, 20 * 50)
    assert.ok(back.every(({ at }) => at - upAt <= EVERY_MS + fleet.policy.timeoutMs + 100))
    for (const { checkers } of replicas) assert.ok(checkers.believed >= 400, `${checkers.believed} verdicts of others`)
  })

  it('go on within two intervals when an observer dies', async () => {
    const fleet = probingFleet({ seed: 2, instances: 200 })
    const replicas = range(20).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(3_000)
    const observed = range(200).filter((instance) => fleet.probersOf(instance, 1_500).has('gw-7'))
    assert.ok(observed.length > 8, `${observed.length} instances`)
    replicas[7]?.kill()
    const killedAt = fleet.clock.monotonic()
    await fleet.clock.advance(2 * EVERY_MS)
    for (const instance of observed) {
      const before = fleet.probersOf(instance, 1_500)
      const now = fleet.probersOf(instance, killedAt)
      assert.ok(now.size >= 2, `${instance} is probed by ${[...now].join()}, and was by ${[...before].join()}`)
    }
    assert.equal(
      fleet.changes.filter(({ at }) => at >= killedAt).length,
      0,
      'nobody takes the silence of an observer for a failure',
    )
  })
})

function downAt(instance: number): number {
  return 4_000 + instance * 10
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, time) => sum + time, 0) / times.length
}

/** How long it takes until all replicas have taken out an instance, ms, over many instances that go down at different times. */
async function ejectionTimes(seed: number, shared: number): Promise<readonly number[]> {
  const fleet = probingFleet({ seed, instances: 120, policy: { shared } })
  range(8).forEach((at) => fleet.start(`gw-${at}`))
  await fleet.clock.advance(4_000)
  fleet.setWorld((instance) => fleet.clock.monotonic() < downAt(instance))
  await fleet.clock.advance(7_000)
  const out = fleet.changes.filter(({ state }) => state === 'unhealthy')
  assert.equal(out.length, 8 * 120)
  return out.map(({ at, instance }) => at - downAt(instance))
}

describe('replicas that probe in another way than the others', () => {
  it('take nothing out but at themselves, and are not believed: so a wrong path on trial stays there', async () => {
    const fleet = probingFleet({ seed: 14, instances: 60 })
    const replicas = range(5).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const trying = new Set(['gw-0', 'gw-1'])
    fleet.setWorld((_, replica) => !trying.has(replica))
    for (const { name, checkers } of replicas)
      if (trying.has(name)) checkers.setPolicy({ ...fleet.policy, probe: { kind: 'http', options: { path: '/wrong' } } })
    await fleet.clock.advance(10_000)
    for (const { name, checkers } of replicas)
      for (const instance of range(60))
        assert.equal(checkers.stateOf(addressOf(instance)), trying.has(name) ? 'unhealthy' : 'healthy', `${instance} at ${name}`)
    const others = fleet.changes.filter(({ at, replica }) => at > 4_000 && !trying.has(replica))
    assert.equal(others.length, 0)
  })
})

describe('an instance that goes down', () => {
  it('is taken out no later than with probes of one’s own, on the average and by the last replica', async () => {
    const [own, shared] = [await ejectionTimes(3, 0), await ejectionTimes(3, 2)]
    assert.ok(mean(shared) <= mean(own), `${mean(shared)} ms, alone ${mean(own)} ms`)
    assert.ok(Math.max(...shared) <= Math.max(...own), `${Math.max(...shared)} ms, alone ${Math.max(...own)} ms`)
  })

  it('for the network of one observer stays in everywhere else, and is out there', async () => {
    const fleet = probingFleet({ seed: 4, instances: 10 })
    const replicas = range(6).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const [blind = ''] = fleet.probersOf(0, 2_000)
    fleet.setWorld((instance, replica) => instance !== 0 || replica !== blind)
    await fleet.clock.advance(8_000)
    for (const { name, checkers } of replicas)
      assert.equal(checkers.stateOf(addressOf(0)), name === blind ? 'unhealthy' : 'healthy', name)
    fleet.setWorld(() => true)
    await fleet.clock.advance(4_000)
    assert.ok(replicas.every(({ checkers }) => checkers.stateOf(addressOf(0)) === 'healthy'))
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(3_000)
    assert.equal(fleet.probersOf(0, from).size, 2, 'who looked because of the doubt has stopped')
  })

  it('for all but one observer is out for whom it is down', async () => {
    const fleet = probingFleet({ seed: 5, instances: 10 })
    const replicas = range(6).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const [lucky = ''] = fleet.probersOf(0, 2_000)
    fleet.setWorld((instance, replica) => instance !== 0 || replica === lucky)
    await fleet.clock.advance(8_000)
    for (const { name, checkers } of replicas)
      assert.equal(checkers.stateOf(addressOf(0)), name === lucky ? 'healthy' : 'unhealthy', name)
  })

  it('is probed at once by a replica whose own request fails, and is out there, whatever the observers say', async () => {
    const fleet = probingFleet({ seed: 6, instances: 4 })
    const replicas = range(6).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const unhappy = replicas.find(({ name }) => !fleet.probersOf(0, 2_000).has(name))
    assert.ok(unhappy)
    fleet.setWorld((instance, replica) => instance !== 0 || replica !== unhappy.name)
    const from = fleet.clock.monotonic()
    for (let failure = 0; failure < 3; failure++) {
      unhappy.checkers.get('10.0.0.1:1')?.probeNow()
      await fleet.clock.advance(150)
    }
    for (const { name, checkers } of replicas)
      assert.equal(checkers.stateOf(addressOf(0)), name === unhappy.name ? 'unhealthy' : 'healthy', name)
    assert.ok(fleet.sent.some(({ at, replica }) => replica === unhappy.name && at - from <= 10))
    fleet.setWorld(() => true)
    await fleet.clock.advance(6_000)
    assert.equal(unhappy.checkers.stateOf(addressOf(0)), 'healthy')
    assert.ok(!fleet.probersOf(0, fleet.clock.monotonic() - 2_000).has(unhappy.name), 'it believes the observers again')
  })
})

describe('a new instance', () => {
  it('has its first verdict everywhere a moment after its observers have probed it, by their probes alone', async () => {
    const fleet = probingFleet({ seed: 7, instances: 0 })
    const replicas = range(10).map((at) => fleet.start(`gw-${at}`, range(50)))
    await fleet.clock.advance(4_000)
    const from = fleet.clock.monotonic()
    for (const { checkers } of replicas) checkers.follow(range(51).map(addressOf), new Set())
    await fleet.clock.advance(60)
    assert.ok(replicas.every(({ checkers }) => checkers.stateOf(addressOf(50)) === 'healthy'))
    assert.equal(fleet.probersOf(50, from).size, 2)
  })

  it('that comes back from before is probed by every replica, since what others say of it is old', async () => {
    const fleet = probingFleet({ seed: 8, instances: 3 })
    const replicas = range(5).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    fleet.setWorld(() => false)
    for (const { checkers } of replicas) checkers.follow(range(3).map(addressOf), new Set(['10.0.0.1:1']))
    await fleet.clock.advance(50)
    assert.ok(replicas.every(({ checkers }) => checkers.stateOf(addressOf(0)) === 'unhealthy'))
  })
})

describe('a replica', () => {
  it('that starts takes over what others know at once, and hands its part on when it leaves', async () => {
    const fleet = probingFleet({ seed: 9, instances: 100 })
    range(5).forEach((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const from = fleet.sent.length
    const late = fleet.start('late')
    await fleet.clock.advance(40)
    assert.ok(late.checkers.areSettled)
    const first = fleet.sent.slice(from).filter(({ replica }) => replica === 'late')
    assert.ok(first.length < 60, `${first.length} probes at once`)
    await fleet.clock.advance(3_000)
    await late.leave()
    const leftAt = fleet.clock.monotonic()
    await fleet.clock.advance(1_500)
    for (const instance of range(100)) assert.equal(fleet.probersOf(instance, leftAt).size, 2, String(instance))
    assert.equal(fleet.registry.texts('gateway/pulse/late').size + fleet.registry.texts('gateway/probes/late').size, 0)
  })

  it('that is the only one, or one of k, probes all by itself', async () => {
    const fleet = probingFleet({ seed: 10, instances: 20 })
    fleet.start('gw-0')
    await fleet.clock.advance(3_000)
    const alone = fleet.sent.length
    assert.ok(alone >= 20 * 3 && alone <= 20 * 5, `${alone} probes in three intervals`)
    fleet.start('gw-1')
    await fleet.clock.advance(3_000)
    for (const instance of range(20)) assert.equal(fleet.probersOf(instance, 4_000).size, 2)
  })

  it('that does not share an upstream, or does not know how to, is never an observer of it', async () => {
    const fleet = probingFleet({ seed: 11, instances: 20 })
    range(3).forEach((at) => fleet.start(`gw-${at}`))
    fleet.start('other', range(20), 'another')
    await fleet.clock.advance(4_000)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(3_000)
    for (const instance of range(20)) {
      const probers = fleet.probersOf(instance, from)
      assert.deepEqual([probers.size, probers.has('other')], [3, true], 'two of the three, and the other one for itself')
    }
  })
})
