import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { heaviestOf, readTold, toldText } from '../../../src/controlplane/quotas/heavy-keys.ts'
import { KeyedQuota } from '../../../src/controlplane/quotas/keyed-quota.ts'
import { EventClock } from '../../support/event-clock.ts'
import { limitedFleet } from './limited-fleet.ts'

const options = { rate: '100/s', burst: 20, by: 'client.ip' }
const mallory = '192.0.2.1'

/** Four replicas that know each other. */
async function startFleet(seed: number) {
  const fleet = limitedFleet({ seed, options })
  const replicas = Array.from({ length: 4 }, () => fleet.start())
  await fleet.clock.advance(4_000)
  return { fleet, replicas }
}

describe('a limit of the cluster with a key', () => {
  it('is the whole limit for a client that stays with one replica', async () => {
    const { fleet, replicas } = await startFleet(41)
    replicas[2]?.load(200, mallory)
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(10_000)
    const admitted = fleet.admitted(from)
    assert.ok(admitted >= 980 && admitted <= 1_030, String(admitted))
  })

  it('is the limit in the long run for one that spreads its requests, and at once no more than a burst and a second at each', async () => {
    const { fleet, replicas } = await startFleet(42)
    const from = fleet.clock.monotonic()
    for (const replica of replicas) replica.load(200, mallory)
    await fleet.clock.advance(1_000)
    const atOnce = fleet.admitted(from)
    assert.ok(atOnce <= 4 * (20 + 100), `${atOnce} in the first second`)
    await fleet.clock.advance(29_000)
    const admitted = fleet.admitted(from)
    assert.ok(admitted >= 0.95 * 3_000 && admitted <= 1.05 * 3_000 + 20, `${admitted} in 30 s`)
  })

  it('takes nothing from other clients', async () => {
    const { fleet, replicas } = await startFleet(43)
    for (const replica of replicas) replica.load(400, mallory)
    await fleet.clock.advance(5_000)
    for (const replica of replicas) for (let request = 0; request < 20; request++) assert.ok(replica.call('192.0.2.7'))
  })

  it('is an equal part for each replica when the registry is away, and the limit again when it is back', async () => {
    const { fleet, replicas } = await startFleet(44)
    for (const replica of replicas) replica.load(200, mallory)
    fleet.registry.isAway = true
    await fleet.clock.advance(3_000)
    assert.ok(replicas.every((replica) => replica.part() === 0.25))
    const alone = fleet.clock.monotonic()
    await fleet.clock.advance(5_000)
    const admitted = fleet.admitted(alone)
    assert.ok(admitted <= 5 * 100 * 1.02, `${admitted} in 5 s`)
    fleet.registry.isAway = false
    await fleet.clock.advance(3_000)
    assert.ok(replicas.every((replica) => replica.part() === 1))
    const from = fleet.clock.monotonic()
    await fleet.clock.advance(20_000)
    assert.ok(Math.abs(fleet.admitted(from) / 2_000 - 1) <= 0.1, String(fleet.admitted(from)))
  })

  it('names nobody in KV: neither addresses nor how many there are beyond fifty', async () => {
    const { fleet, replicas } = await startFleet(45)
    for (let client = 0; client < 500; client++)
      for (let request = 0; request < 10; request++) replicas[0]?.call(`198.51.${client >> 8}.${client & 255}`)
    await fleet.clock.advance(600)
    const beats = [...fleet.registry.texts('gateway/pulse/').values()].join('')
    assert.ok(!beats.includes('198.51'))
    assert.ok(beats.length > 600 && beats.length < 3_000, `${beats.length} characters`)
    assert.match(fleet.registry.texts('gateway/quotas/').get('gateway/quotas/secret') ?? '', /^[0-9a-f]{16}$/)
  })
})

describe('what is told of keys', () => {
  it('is taken once each time it is told, also from a process that took the place of one whose clock was ahead', () => {
    const added: number[] = []
    const keys = {
      take: () => new Uint32Array(0),
      add: (told: Uint32Array) => void added.push(told[2] ?? 0),
      setSecret: () => {},
    }
    const quota = { perSecond: 100, keys, takeAsked: () => 0, setPart: () => {} }
    const share = new KeyedQuota(quota, { place: { route: 'shop', at: 0 }, keys, clock: new EventClock() })
    const hear = (...tellings: readonly (readonly [number, number])[]): void =>
      share.hear(new Map([['gw-2', tellings.map(([number, count]) => [number, toldText(Uint32Array.of(1, 1, count))])]]))
    hear([9_000, 1])
    hear([9_000, 1], [9_001, 2])
    hear()
    hear([9_001, 2])
    hear([5_000, 3])
    hear([5_000, 3], [5_001, 4])
    assert.deepEqual(added, [1, 2, 3, 4])
  })

  it('is the heaviest of them, each once with its sum', () => {
    const counted = Uint32Array.of(1, 1, 5, 2, 2, 1, 1, 1, 6, 3, 3, 4)
    assert.deepEqual([...heaviestOf(counted, 4)], [1, 1, 11, 3, 3, 4])
    const many = Uint32Array.from(Array.from({ length: 200 }, (_, at) => [at, at, at + 1]).flat())
    const told = heaviestOf(many, 1)
    assert.equal(told.length, 150)
    assert.ok([0, 1, 2].every((at) => (told[3 * at + 2] ?? 0) > 150))
  })

  it('is read as it was written, and not at all when it makes no sense', () => {
    const told = Uint32Array.of(2 ** 32 - 1, 0, 7, 1, 2, 3)
    assert.deepEqual(readTold(toldText(told)), told)
    for (const wrong of [null, 7, '', 'AAAA', 'A'.repeat(100_000), toldText(new Uint32Array(153))])
      assert.equal(readTold(wrong), null, String(wrong).slice(0, 20))
  })
})
