import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startChecker } from '../../src/health/checker.ts'
import { healthPolicy } from '../support/health-policy.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

const policy = healthPolicy()

/** When each of 20 endpoints that appear at once is probed, but for the first look that decides who gets traffic. */
async function probesOf(seed: number, forMs: number): Promise<readonly (readonly number[])[]> {
  const clock = new ManualClock()
  const random = seededRandom(seed)
  const times: number[][] = Array.from({ length: 20 }, () => [])
  const checkers = times.map((own, at) =>
    startChecker({
      target: { host: '127.0.0.1', port: at + 1 },
      policy,
      probe: () => {
        own.push(clock.monotonic())
        return Promise.resolve({ ok: true, detail: '' })
      },
      clock,
      random,
      onChange: () => {},
    }),
  )
  await clock.advance(forMs)
  for (const checker of checkers) checker.close()
  assert.ok(times.every(([first]) => first === 0))
  return times.map((own) => own.slice(1))
}

/** The largest distance between the share of values below and that of the uniform distribution (Kolmogorov-Smirnov). */
function distanceFromUniform(values: readonly number[], upTo: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.max(
    ...sorted.map((value, at) => Math.max((at + 1) / sorted.length - value / upTo, value / upTo - at / sorted.length)),
  )
}

// Of 20 values that are uniform the distance is above 0.294 once in 20 times and above 0.352 once in 100.
test('the first scheduled probes of 20 endpoints that appear together are spread uniformly over the interval', async () => {
  const distances = await Promise.all(
    Array.from({ length: 100 }, async (_, seed) =>
      distanceFromUniform(
        (await probesOf(seed, 1_000)).map(([first = 1_000]) => first),
        1_000,
      ),
    ),
  )
  const above = (limit: number): number => distances.filter((distance) => distance > limit).length
  assert.ok(above(0.294) <= 12, `${above(0.294)} of 100 above the bound of 5 in 100`)
  assert.ok(above(0.352) <= 5, `${above(0.352)} of 100 above the bound of 1 in 100`)
})

test('no tenth of a second has more than its share of the probes later on', async () => {
  const all = (await probesOf(7, 60_000)).flat().filter((at) => at > 2_000)
  const counts = new Map<number, number>()
  for (const at of all) counts.set(Math.floor(at / 100), (counts.get(Math.floor(at / 100)) ?? 0) + 1)
  assert.ok(Math.max(...counts.values()) <= 8, `${Math.max(...counts.values())} of 20 within 100 ms`)
})
