import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limitedFleet, type LimitedReplica } from './limited-fleet.ts'

const RATE = 1_000
const options = { rate: `${RATE}/s`, burst: 50, by: 'route' }

/** Five replicas with 70, 20, 5, 5 and 0 percent of a load, past the time in which they have equal parts. */
async function skewedFleet(seed: number, perSecond: number) {
  const fleet = limitedFleet({ seed, options })
  const replicas = [0.7, 0.2, 0.05, 0.05, 0].map((share) => {
    const replica = fleet.start()
    replica.load(share * perSecond)
    return replica
  })
  await fleet.clock.advance(6_000)
  return { fleet, replicas }
}

function assertWithin(count: number, wanted: number, ratio: number): void {
  assert.ok(Math.abs(count / wanted - 1) <= ratio, `${count} where ${wanted} are wanted, give or take ${ratio * 100} %`)
}

describe('a limit of the cluster on five replicas with 70, 20, 5, 5 and 0 % of the load', () => {
  for (const overload of [1.5, 5]) {
    it(`admits 1,000/s within 5 % over 10 s of ${overload} times as much`, async () => {
      const { fleet } = await skewedFleet(21, overload * RATE)
      const from = fleet.clock.monotonic()
      await fleet.clock.advance(10_000)
      assertWithin(fleet.admitted(from), 10 * RATE, 0.05)
    })
  }

  it('refuses hardly anything below the limit', async () => {
    const { fleet, replicas } = await skewedFleet(22, 0.8 * RATE)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(5_000)
    assertWithin(fleet.admitted(from), 0.8 * 5 * RATE, 0.05)
    assert.ok((replicas[4]?.part() ?? 0) > 0.005, 'who has no load keeps something for the first requests')
  })

  it('follows a load that moves to where there was none', async () => {
    const { fleet, replicas } = await skewedFleet(23, 1.2 * RATE)
    replicas[0]?.load(0)
    replicas[4]?.load(0.9 * RATE)
    await fleet.clock.advance(3_000)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(10_000)
    assertWithin(fleet.admitted(from), 10 * RATE, 0.05)
  })

  it('is back within 5 % 3 s after the replica with the most of it was killed', async () => {
    const { fleet, replicas } = await skewedFleet(24, 2 * RATE)
    replicas[0]?.kill()
    for (const [at, share] of [0.5, 0.3, 0.15, 0.05].entries()) replicas[at + 1]?.load(2 * RATE * share)
    await fleet.clock.advance(3_000)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(10_000)
    assertWithin(fleet.admitted(from), 10 * RATE, 0.05)
  })
})

describe('what all replicas use together', () => {
  it('is never more than the limit while loads jump about and replicas are killed', async () => {
    const { fleet, replicas } = await skewedFleet(25, 2 * RATE)
    let living: readonly LimitedReplica[] = replicas
    for (let turn = 0; turn < 40; turn++) {
      for (const [at, replica] of living.entries()) replica.load(((turn * 7 + at * 13) % 10) * 200)
      if (turn === 15 || turn === 30) {
        living[turn % 3]?.kill()
        living = living.filter((_, at) => at !== turn % 3)
      }
      for (let step = 0; step < 10; step++) {
        await fleet.clock.advance(37)
        assert.ok(fleet.used(living) <= 1.003, `${fleet.used(living)} in turn ${turn}`)
      }
    }
  })

  it('is never more than the limit when the registry goes away, is an equal part each then, and comes back to the demand', async () => {
    const { fleet, replicas } = await skewedFleet(26, 2 * RATE)
    fleet.registry.isAway = true
    for (let step = 0; step < 60; step++) {
      await fleet.clock.advance(100)
      assert.ok(fleet.used() <= 1.003, `${fleet.used()} after ${step * 100} ms`)
    }
    assert.deepEqual(
      replicas.map((replica) => replica.part()),
      [0.2, 0.2, 0.2, 0.2, 0.2],
    )
    const alone = fleet.clock.monotonic()
    await fleet.clock.advance(5_000)
    assert.ok(fleet.admitted(alone) <= 5 * RATE)
    fleet.registry.isAway = false
    fleet.registry.wipe()
    for (let step = 0; step < 80; step++) {
      await fleet.clock.advance(100)
      assert.ok(fleet.used() <= 1.003, `${fleet.used()} ${step * 100} ms after it is back`)
    }
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(5_000)
    assertWithin(fleet.admitted(from), 5 * RATE, 0.05)
  })

  it('is never more than the limit in the moments in which one after the other notices that the registry is away', async () => {
    for (const seed of [31, 32, 33, 34, 35, 36]) {
      const { fleet } = await skewedFleet(seed, 400)
      fleet.registry.isAway = true
      for (let step = 0; step < 100; step++) {
        await fleet.clock.advance(40)
        assert.ok(fleet.used() <= 1.003, `seed ${seed}: ${fleet.used()} after ${step * 40} ms`)
      }
    }
  })

  it('is never more than the limit when the registry goes away for a moment, again and again, and is divided again soon after', async () => {
    for (const seed of [51, 52, 53]) {
      const { fleet, replicas } = await skewedFleet(seed, 400)
      for (let turn = 0; turn < 8; turn++) {
        fleet.registry.isAway = true
        for (let step = 0; step < 8 + 5 * turn; step++) {
          await fleet.clock.advance(100)
          assert.ok(fleet.used() <= 1.003, `seed ${seed}: ${fleet.used()} in turn ${turn}`)
        }
        fleet.registry.isAway = false
        for (let step = 0; step < 40; step++) {
          await fleet.clock.advance(100)
          assert.ok(fleet.used() <= 1.003, `seed ${seed}: ${fleet.used()} after turn ${turn}`)
        }
        assert.ok((replicas[0]?.part() ?? 0) > 0.5, `seed ${seed}: ${replicas[0]?.part()} 4 s after turn ${turn}`)
      }
    }
  })

  it('is one equal part more while one of them is cut off: so far off is what is documented', async () => {
    const { fleet, replicas } = await skewedFleet(27, 2 * RATE)
    replicas[3]?.cut(true)
    for (let step = 0; step < 80; step++) {
      await fleet.clock.advance(100)
      assert.ok(fleet.used() <= 1.203, `${fleet.used()} after ${step * 100} ms`)
    }
    assert.equal(replicas[3]?.part(), 0.2)
    replicas[3]?.cut(false)
    await fleet.clock.advance(5_000)
    assert.ok(fleet.used() <= 1.003, `${fleet.used()} after it is heard again`)
  })

  it('is one equal part more for a second when one comes, and its first requests are let through', async () => {
    const { fleet } = await skewedFleet(28, 2 * RATE)
    const late = fleet.start('late')
    late.load(RATE)
    await fleet.clock.advance(200)
    assert.ok(late.admittedAt.length >= 30, `${late.admittedAt.length} of its first requests`)
    let most = 0
    for (let step = 0; step < 10; step++) {
      await fleet.clock.advance(100)
      most = Math.max(most, fleet.used())
    }
    assert.ok(most <= 1.17 && fleet.used() <= 1.003, `${most}, then ${fleet.used()}`)
  })
})

describe('a replica that tries a revision with another rate', () => {
  it('has its share of its own limit, and starves nobody of the old one', async () => {
    const fleet = limitedFleet({ seed: 61, options })
    const others = Array.from({ length: 4 }, () => fleet.start())
    const trying = fleet.start('trying', { rate: '10/s', burst: 5 })
    for (const replica of [...others, trying]) replica.load(150)
    await fleet.clock.advance(6_000)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(5_000)
    const count = (of: readonly LimitedReplica[]) =>
      of.reduce((sum, { admittedAt }) => sum + admittedAt.filter((at) => at >= from).length, 0)
    assertWithin(count(others), 5 * 4 * 150, 0.05)
    assert.ok(count([trying]) >= 5 && count([trying]) <= 5 * 10, `${count([trying])} in 5 s`)
  })
})

describe('one replica', () => {
  it('has all of the limit, also with no registry ever heard', async () => {
    for (const isAway of [false, true]) {
      const fleet = limitedFleet({ seed: 30, options })
      fleet.registry.isAway = isAway
      const replica = fleet.start()
      replica.load(2 * RATE)
      await fleet.clock.advance(8_000)
      assert.equal(Math.round(replica.part() * 100), 100)
      const from = fleet.clock.monotonic()
      await fleet.clock.advance(2_000)
      assertWithin(fleet.admitted(from), 2 * RATE, 0.05)
    }
  })
})
