import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressOf, probingFleet, range } from './probing-fleet.ts'

describe('a registry that is away', () => {
  it('leaves each replica to its own probes, at moments of their own, and coming back changes no verdict', async () => {
    const fleet = probingFleet({ seed: 12, instances: 100 })
    const replicas = range(10).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const changesBefore = fleet.changes.length
    fleet.registry.isAway = true
    await fleet.clock.advance(3_000)
    const from = fleet.sent.length
    await fleet.clock.advance(2_000)
    const alone = fleet.sent.slice(from)
    assert.ok(alone.length >= 2 * 10 * 100 * 0.85, `${alone.length} probes`)
    const most = Math.max(...[...Map.groupBy(alone, ({ at }) => Math.floor(at / 100)).values()].map((probes) => probes.length))
    assert.ok(most < 200, `${most} probes of 1,000 within a tenth of the interval`)
    for (const { checkers } of replicas) assert.equal(checkers.believed, 0)
    fleet.registry.isAway = false
    fleet.registry.wipe()
    await fleet.clock.advance(8_000)
    assert.equal(fleet.changes.length, changesBefore, 'no flap')
    const since = fleet.clock.monotonic()
    await fleet.clock.advance(2_000)
    for (const instance of range(100)) assert.equal(fleet.probersOf(instance, since).size, 2, String(instance))
  })

  it('from the start is waited for no longer than half a second', async () => {
    const fleet = probingFleet({ seed: 13, instances: 5 })
    fleet.registry.isAway = true
    const replica = fleet.start('gw-0')
    await fleet.clock.advance(499)
    assert.equal(fleet.sent.length, 0)
    await fleet.clock.advance(20)
    assert.ok(replica.checkers.areSettled)
  })

  it('for one replica alone: that one probes all by itself, and the others take over its part', async () => {
    const fleet = probingFleet({ seed: 14, instances: 60 })
    const replicas = range(5).map((at) => fleet.start(`gw-${at}`))
    await fleet.clock.advance(4_000)
    const changesBefore = fleet.changes.length
    replicas[0]?.cut(true)
    await fleet.clock.advance(4_000)
    const since = fleet.clock.monotonic()
    await fleet.clock.advance(2_000)
    for (const instance of range(60)) {
      const probers = fleet.probersOf(instance, since)
      assert.deepEqual([probers.size, probers.has('gw-0')], [3, true], String(instance))
    }
    assert.equal(fleet.changes.length, changesBefore)
  })

  it('but for the pulse leaves no replica with what others found before: one that cannot tell or hear is no observer', async () => {
    for (const fault of ['tell', 'hear'] as const) {
      const fleet = probingFleet({ seed: 15, instances: 40 })
      const replicas = range(5).map((at) => fleet.start(`gw-${at}`))
      await fleet.clock.advance(4_000)
      const [ill, ...well] = replicas
      assert.ok(ill)
      if (fault === 'tell') ill.refuse('gateway/probes/')
      else ill.deafen(true)
      // Something has to be told for it to be noticed.
      fleet.setWorld((instance) => instance !== 0)
      await fleet.clock.advance(4_000)
      const changesBefore = fleet.changes.length
      fleet.setWorld((instance) => instance >= 20)
      await fleet.clock.advance(5_000)
      for (const { name, checkers } of replicas)
        for (const instance of range(40))
          assert.equal(
            checkers.stateOf(addressOf(instance)),
            instance < 20 ? 'unhealthy' : 'healthy',
            `${fault} ${name} ${instance}`,
          )
      assert.ok(fleet.changes.length > changesBefore)
      const since = fleet.clock.monotonic()
      await fleet.clock.advance(2_000)
      for (const instance of range(40)) {
        const probers = fleet.probersOf(instance, since)
        assert.equal(
          well.filter(({ name }) => probers.has(name)).length,
          2,
          `${fault}: ${instance} is probed by ${[...probers].join()}`,
        )
      }
      ill.refuse(null)
      ill.deafen(false)
      await fleet.clock.advance(4_000)
      const again = fleet.clock.monotonic()
      await fleet.clock.advance(2_000)
      for (const instance of range(40)) assert.equal(fleet.probersOf(instance, again).size, 2, `${fault} ${instance}`)
    }
  })
})
