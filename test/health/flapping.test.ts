import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startChecker, type Checker } from '../../src/health/checker.ts'
import type { HealthPolicy } from '../../src/health/policy.ts'
import { healthPolicy } from '../support/health-policy.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

const policy = healthPolicy()

interface Patient {
  readonly clock: ManualClock
  readonly checker: Checker
  /** When its verdict changed, and to what. */
  readonly changes: { readonly at: number; readonly verdict: string }[]
  probes: number
}

/** An instance whose probes answer at once what `isWell` says of the one with that number, counted from 1, at that time. */
function patient(seed: number, isWell: (probe: number, now: number) => boolean, own: Partial<HealthPolicy> = {}): Patient {
  const clock = new ManualClock()
  const changes: Patient['changes'] = []
  const observed = { clock, changes, probes: 0 }
  const checker = startChecker({
    target: { host: '127.0.0.1', port: 1 },
    policy: { ...policy, ...own },
    probe: () => Promise.resolve({ ok: isWell(++observed.probes, clock.monotonic()), detail: '' }),
    clock,
    random: seededRandom(seed),
    onChange: (verdict) => void changes.push({ at: clock.monotonic(), verdict }),
  })
  return Object.assign(observed, { checker })
}

test('an instance of which each third probe fails stays in with rise 2 and fall 3, whatever trouble its requests have meanwhile', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(1_000 + seed)
    const flapping = patient(seed, (probe) => probe % 3 !== 0)
    for (let i = 0; i < 300; i++) {
      await flapping.clock.advance(random() * 1_000)
      if (random() < 0.3) flapping.checker.probeNow()
    }
    flapping.checker.close()
    assert.ok(flapping.probes > 150, `seed ${seed}: only ${flapping.probes} probes`)
    assert.deepEqual(
      flapping.changes.map(({ verdict }) => verdict),
      ['healthy'],
      `seed ${seed}`,
    )
  }
})

test('an instance that is well again is back within one interval and one timeout, whatever the number of passes', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const healthy = 1 + (seed % 5)
    const wellAt = 60_000 + seededRandom(seed)() * 10_000
    const { clock, checker, changes } = patient(seed, (_probe, now) => now < 50_000 || now >= wellAt, { healthy })
    await clock.advance(75_000)
    checker.close()
    const [, out, back] = changes
    assert.equal(out?.verdict, 'unhealthy', `seed ${seed}`)
    assert.equal(back?.verdict, 'healthy', `seed ${seed}`)
    const tookMs = (back?.at ?? Infinity) - wellAt
    assert.ok(tookMs <= policy.everyMs + policy.timeoutMs, `seed ${seed}: with healthy: ${healthy} it took ${tookMs} ms`)
  }
})

test('an instance that falls soon after it came back has to pass on schedule the next time', async () => {
  // Well for a minute, then for 4 s of every 8.
  const { clock, checker, changes } = patient(7, (_probe, now) => now < 60_000 || now % 8_000 >= 4_000, { jitterRatio: 0 })
  await clock.advance(100_000)
  checker.close()
  const backs = changes.filter(({ at, verdict }) => verdict === 'healthy' && at > 0).map(({ at }) => at % 8_000)
  assert.ok(backs.length >= 4, `it came back ${backs.length} times`)
  const [first = 0, ...later] = backs
  // The first pass is seen in the second after 4,000; its confirmation comes 250 ms after it, and later on a second after it.
  assert.ok(first < 5_250, `first after ${first - 4_000} ms`)
  for (const at of later) assert.ok(at >= 5_000 && at <= 6_000, `later after ${at - 4_000} ms`)
})

test('the interval while an instance rises can be written, and then holds for one that bounces too', async () => {
  const { clock, checker, changes } = patient(7, (_probe, now) => now % 8_000 >= 4_000, { jitterRatio: 0, everyRisingMs: 700 })
  await clock.advance(60_000)
  checker.close()
  const backs = changes.filter(({ at, verdict }) => verdict === 'healthy' && at > 8_000).map(({ at }) => at % 8_000)
  assert.ok(backs.length >= 4, `it came back ${backs.length} times`)
  for (const at of backs) assert.ok(at >= 4_700 && at <= 5_700, `after ${at - 4_000} ms`)
})
