import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Listed } from '../../../src/discovery/listed.ts'
import { RemovalBrake } from '../../../src/discovery/outage/removal-brake.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function listed(id: string, changes: Partial<Listed> = {}): Listed {
  const address = { host: '127.0.0.1', port: Number(id.replace(/\D/g, '')) }
  return { id, address, weight: 1, status: 'passing', tags: [], meta: {}, nodeMeta: {}, held: false, ...changes }
}

const all = (count: number): readonly Listed[] => Array.from({ length: count }, (_, at) => listed(`i${at + 1}`))

function start(before: readonly Listed[], policy = { aboveRatio: 0.5, holdMs: 60_000 }) {
  const clock = new ManualClock()
  let releases = 0
  const brake = new RemovalBrake(policy, { clock, onRelease: () => void releases++ })
  brake.take(before, false)
  const ids = (): string => brake.instances.map(({ id, held }) => (held ? `${id}*` : id)).join(' ')
  const judge = (eligible: readonly string[], failing: readonly string[]): number =>
    brake.judge({ isEligible: ({ id }) => eligible.includes(id), isFailing: ({ id }) => failing.includes(id) })
  return { clock, brake, ids, judge, releases: () => releases }
}

describe('a removal', () => {
  for (const [of, left, expected] of [
    [10, 5, 'i1 i2 i3 i4 i5'],
    [4, 2, 'i1 i2'],
    [4, 1, 'i1 i2* i3* i4*'],
    [3, 1, 'i1 i2* i3*'],
    [3, 0, 'i1* i2* i3*'],
    [2, 1, 'i1'],
    [2, 0, ''],
    [1, 0, ''],
  ] as const) {
    it(`of ${of - left} of ${of} leaves "${expected}"`, () => {
      const { brake, ids } = start(all(of))
      brake.take(all(left), false)
      assert.equal(ids(), expected)
    })
  }

  it('is believed at 100%, whatever its size', () => {
    const { brake, ids } = start(all(5), { aboveRatio: 1, holdMs: 60_000 })
    brake.take([], true)
    assert.equal(ids(), '')
  })

  it('of any size is held just after an outage', () => {
    const { brake, ids } = start(all(1))
    brake.take([], true)
    assert.equal(ids(), 'i1*')
  })

  it('does not count those that are critical or in maintenance: they did not serve', () => {
    const ill = all(4).map((instance, at) => (at < 3 ? listed(instance.id, { status: 'critical' }) : instance))
    const { brake, ids } = start(ill)
    brake.take([], false)
    assert.equal(ids(), '')
  })

  it('of an old address under the same id is one', () => {
    const { brake, ids } = start(all(3))
    const moved = all(3).map((instance) => ({ ...instance, address: { host: '127.0.0.2', port: 1 } }))
    brake.take(moved, false)
    assert.equal(ids(), 'i1 i2 i3 i1* i2* i3*')
  })
})

describe('instances that turn critical together', () => {
  const critical = all(3).map(({ id }) => listed(id, { status: 'critical' }))

  it('are believed', () => {
    const { brake } = start(all(3))
    brake.take(critical, false)
    assert.deepEqual(
      brake.instances.map(({ status }) => status),
      ['critical', 'critical', 'critical'],
    )
  })

  it('keep the status they had just after an outage, until the registry is well again', () => {
    const { brake, ids } = start(all(3))
    brake.take(critical, true)
    assert.deepEqual([ids(), brake.instances[0]?.status], ['i1* i2* i3*', 'passing'])
    brake.take(all(3), false)
    assert.deepEqual([ids(), brake.held], ['i1 i2 i3', 0])
  })

  it('are out at once in maintenance, which somebody meant', () => {
    const { brake } = start(all(3))
    brake.take(
      all(3).map(({ id }) => listed(id, { status: 'maintenance' })),
      true,
    )
    assert.equal(brake.held, 0)
  })
})

describe('instances that are held', () => {
  it('go one by one as our probes fail', () => {
    const { brake, ids, judge } = start(all(4))
    brake.take([], false)
    assert.equal(judge([], ['i2']), 1)
    assert.equal(ids(), 'i1* i3* i4*')
  })

  it('go together when half as many new ones serve', () => {
    const { brake, ids, judge } = start(all(4))
    const fresh = ['n11', 'n12'].map((id) => listed(id))
    brake.take(fresh, false)
    assert.equal(judge(['n11'], []), 0)
    assert.equal(judge(['n11', 'n12'], []), 4)
    assert.equal(ids(), 'n11 n12')
  })

  it('are ordinary again when the registry lists them again', () => {
    const { brake, ids } = start(all(3))
    brake.take([], false)
    brake.take(all(2), false)
    assert.equal(ids(), 'i1 i2 i3*')
  })

  it('go after the time, counted from the first of them, though more have followed', async () => {
    const { brake, ids, clock, releases } = start(all(6))
    brake.take(all(2), false)
    await clock.advance(40_000)
    brake.take([], false)
    assert.equal(ids(), 'i3* i4* i5* i6*')
    await clock.advance(19_999)
    assert.equal(releases(), 0)
    await clock.advance(1)
    assert.deepEqual([ids(), releases(), clock.pending], ['', 1, 0])
  })

  it('leave no timer behind at the end', () => {
    const { brake, clock } = start(all(3))
    brake.take([], false)
    brake.reset()
    assert.deepEqual([brake.held, clock.pending], [0, 0])
  })
})
