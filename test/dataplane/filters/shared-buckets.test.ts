import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBuckets } from '../../../src/dataplane/filters/token-buckets.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const limits = { perSecond: 100, burst: 50, keys: 1_000 }

/** Buckets of so many workers, which have the same secret. */
function peers(count: number): readonly TokenBuckets[] {
  return Array.from({ length: count }, () => new TokenBuckets(limits, seededRandom(7), true))
}

function exchange(all: readonly TokenBuckets[], atMs: number): void {
  const told = all.map((buckets) => buckets.take())
  all.forEach((buckets, own) => told.forEach((numbers, other) => other !== own && buckets.add(numbers, atMs)))
}

test('a client at several workers gets the rate in the long run, and at once no more than their bursts', () => {
  const workers = peers(4)
  let admitted = 0
  let atOnce = 0
  const seconds = 60
  // Ten times the rate, spread over the workers by chance.
  const random = seededRandom(1)
  for (let atMs = 0; atMs < seconds * 1_000; atMs++) {
    if (workers[Math.floor(random() * 4)]?.draw('mallory', atMs).admitted) admitted++
    if (atMs === 49) atOnce = admitted
    if (atMs % 50 === 49) exchange(workers, atMs)
  }
  const allowed = limits.burst + limits.perSecond * seconds
  assert.ok(atOnce <= 4 * (limits.burst + 5), `${atOnce} at once`)
  assert.ok(Math.abs(admitted - allowed) <= 0.02 * allowed, `${admitted} of ${allowed}`)
})

test('what one worker has let through is missing at the others, for that client and no other', () => {
  const [here, there] = peers(2) as [TokenBuckets, TokenBuckets]
  for (let at = 0; at < limits.burst; at++) assert.ok(here.draw('mallory', 0).admitted)
  assert.equal(here.draw('mallory', 0).admitted, false)
  exchange([here, there], 0)
  assert.equal(there.draw('mallory', 0).admitted, false)
  assert.equal(there.draw('alice', 0).admitted, true)
  assert.equal(here.take().length, 0, 'what was told is not told again')
})

test('buckets without peers remember nothing to tell', () => {
  const alone = new TokenBuckets(limits, seededRandom(7))
  alone.draw('alice', 0)
  assert.equal(alone.take().length, 0)
})

test('a part of the limits is a part of the rate and of the burst, for all keys, and what is missing stays', () => {
  const buckets = new TokenBuckets(limits, seededRandom(7))
  for (let at = 0; at < limits.burst; at++) assert.ok(buckets.draw('alice', 0).admitted)
  buckets.setPart(0.1, 0)
  let admitted = 0
  for (let atMs = 0; atMs < 10_000; atMs++) if (buckets.draw('alice', atMs).admitted) admitted++
  // 10 per second, less what was missing when the part became smaller.
  assert.ok(admitted >= 50 && admitted <= 56, String(admitted))
  let atOnce = 0
  while (buckets.draw('bob', 10_000).admitted) atOnce++
  assert.equal(atOnce, limits.burst / 10)
  buckets.setPart(1, 10_000)
  admitted = 0
  for (let atMs = 10_000; atMs < 20_000; atMs++) if (buckets.draw('alice', atMs).admitted) admitted++
  assert.ok(admitted >= 1_000 && admitted <= 1_000 + limits.burst, String(admitted))
})
