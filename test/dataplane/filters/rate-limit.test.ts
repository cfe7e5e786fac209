import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { networkOf } from '../../../src/dataplane/filters/network.ts'
import { TokenBuckets } from '../../../src/dataplane/filters/token-buckets.ts'
import { fieldOf } from '../../../src/http1/field.ts'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { answerOf, ask, filterOf } from '../../support/filter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const fixture = dataPlaneFixture()

async function callFrom(url: string, forwarded: string) {
  const { statusCode, body } = await request(url, { headers: { 'x-forwarded-for': forwarded } })
  return { statusCode, text: await body.text() }
}

/** The status of each request when one may come a minute. */
async function spend(by: string, ...requests: [headers: string[], address: string][]) {
  const filter = filterOf('rateLimit', { rate: '1/m', by })
  const answers = []
  for (const [headers, address] of requests) answers.push((await answerOf(filter, requestHead({ headers }), address)).status)
  return answers
}

describe('a rate limit', () => {
  for (const { rate, perSecond, burst } of [
    { rate: '100/s', perSecond: 100, burst: 10 },
    { rate: '1000/s', perSecond: 1000, burst: 100 },
    { rate: '1200/m', perSecond: 20, burst: 4 },
  ]) {
    it(`admits ${rate} within 2 % over 10 s at 20 times that load, its burst of ${burst} included`, async () => {
      const clock = new ManualClock()
      const random = seededRandom(11)
      const filter = filterOf('rateLimit', { rate, burst, by: 'client.ip' }, { clock, random })
      let admitted = 0
      for (let at = 0; at < 10_000;) {
        const gapMs = (-Math.log(1 - random()) * 1000) / (20 * perSecond)
        at += gapMs
        clock.advanceSync(gapMs)
        if (!ask(filter)) admitted++
      }
      assert.ok(Math.abs(admitted / (perSecond * 10) - 1) <= 0.02, `${admitted} of ${perSecond * 10}`)
    })
  }

  it('says what is left, and when to come again', async () => {
    const clock = new ManualClock()
    const filter = filterOf('rateLimit', { rate: '2/s', burst: 4 }, { clock })
    const left: (string | undefined)[] = []
    for (let i = 0; i < 4; i++) left.push(fieldOf((await answerOf(filter)).headers, 'ratelimit'))
    assert.deepEqual(left, ['"client.ip";r=3;t=1', '"client.ip";r=2;t=1', '"client.ip";r=1;t=2', '"client.ip";r=0;t=2'])
    const refused = await answerOf(filter)
    assert.equal(refused.status, 429)
    assert.equal(refused.code, 'rate_limited')
    assert.equal(fieldOf(refused.headers, 'ratelimit-policy'), '"client.ip";q=4;w=2')
    assert.equal(fieldOf(refused.headers, 'ratelimit'), '"client.ip";r=0;t=1')
    assert.equal(fieldOf(refused.headers, 'retry-after'), '1')
    await clock.advance(499)
    assert.equal((await answerOf(filter)).status, 429)
    await clock.advance(1)
    assert.equal((await answerOf(filter)).status, 200)
  })

  it('tells nothing of itself when it is not to', async () => {
    assert.deepEqual(await answerOf(filterOf('rateLimit', { rate: '2/s', fields: false })), { status: 200, headers: [] })
  })

  it('is per minute and hour too', async () => {
    const clock = new ManualClock()
    const filter = filterOf('rateLimit', { rate: '1/h' }, { clock })
    assert.equal((await answerOf(filter)).status, 200)
    assert.equal(fieldOf((await answerOf(filter)).headers, 'retry-after'), '3600')
    await clock.advance(3_600_000)
    assert.equal((await answerOf(filter)).status, 200)
  })

  it('counts by what is written', async () => {
    assert.deepEqual(await spend('client.ip', [[], '192.0.2.1'], [[], '192.0.2.2'], [[], '192.0.2.1']), [200, 200, 429])
    assert.deepEqual(
      await spend('client.ip', [[], '2001:db8::1'], [[], '2001:db8::ffff:2'], [[], '2001:db8:0:1::1']),
      [200, 429, 200],
    )
    assert.deepEqual(await spend('route', [[], '192.0.2.1'], [[], '192.0.2.2']), [200, 429])
    assert.deepEqual(
      await spend('header X-Key', [['x-key', 'a'], '1.1.1.1'], [['X-KEY', 'a'], '1.1.1.2'], [['x-key', 'b'], '1.1.1.1']),
      [200, 429, 200],
    )
    assert.deepEqual(
      await spend(
        'cookie uid',
        [['cookie', 'a=b; uid=1'], ''],
        [['Cookie', 'uid="1"'], ''],
        [['cookie', 'xuid=1'], ''],
        [[], ''],
      ),
      [200, 429, 200, 429],
    )
  })

  it('counts the peer and not what it says in X-Forwarded-For, unless it is trusted', async () => {
    const open = await filteredPlane(fixture, [filterOf('rateLimit', { rate: '1/h' })])
    assert.equal((await callFrom(open.url, '192.0.2.1')).statusCode, 200)
    const second = await callFrom(open.url, '192.0.2.2')
    assert.equal(second.statusCode, 429)
    assert.equal(errorCodeOf(second.text), 'rate_limited')
    const behind = await filteredPlane(fixture, [filterOf('rateLimit', { rate: '1/h' })], { trust: ['127.0.0.1'] })
    assert.equal((await callFrom(behind.url, '192.0.2.1')).statusCode, 200)
    assert.equal((await callFrom(behind.url, '9.9.9.9, 192.0.2.2')).statusCode, 200)
    assert.equal((await callFrom(behind.url, '8.8.8.8, 192.0.2.2')).statusCode, 429)
  })

  it('is refused without its unit, by something unknown, and with a burst of nothing', () => {
    for (const options of [
      {},
      { rate: 100 },
      { rate: '100' },
      { rate: '0/s' },
      { rate: '1/w' },
      { rate: '-1/s' },
      { rate: '1e3/s' },
      { rate: '1/s', burst: 0 },
      { rate: '1/s', by: 'ip' },
      { rate: '1/s', by: 'header ' },
      { rate: '1/s', by: 'header a b' },
      { rate: '1/s', keys: 1e9 },
    ])
      assert.throws(() => filterOf('rateLimit', options), JSON.stringify(options))
  })
})

describe('the table of token buckets', () => {
  it('tells a million keys apart in less than 100 MiB', () => {
    const before = process.memoryUsage()
    const buckets = new TokenBuckets({ perSecond: 0.001, burst: 1, keys: 1_000_000 }, seededRandom(3))
    for (let i = 0; i < 1_000_000; i++) assert.ok(buckets.draw(`192.0.${i}`, 1).admitted)
    let again = 0
    for (let i = 0; i < 1_000_000; i++) if (buckets.draw(`192.0.${i}`, 2).admitted) again++
    const after = process.memoryUsage()
    assert.ok(again < 10_000, `${again} of 1000000 were forgotten`)
    assert.ok(buckets.bytes <= 100 * 2 ** 20, String(buckets.bytes))
    const grownBytes = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed
    assert.ok(grownBytes <= 100 * 2 ** 20, String(grownBytes))
  })

  it('does not grow under a flood of keys, and remembers most of who has spent all', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 10, keys: 10_000 }, seededRandom(5))
    for (let key = 0; key < 100; key++) for (let i = 0; i < 10; i++) buckets.draw(`spent-${key}`, 0)
    // Each of the flood has spent one token and so has less to lose.
    for (let i = 0; i < 200_000; i++) buckets.draw(`flood-${i}`, 1)
    let admitted = 0
    for (let key = 0; key < 100; key++) if (buckets.draw(`spent-${key}`, 2).admitted) admitted++
    assert.ok(admitted <= 2, `${admitted} of 100 got a new bucket`)
    assert.equal(buckets.bytes, 16_384 * 16)
  })

  it('mixes keys of all lengths and scripts without meeting', () => {
    const buckets = new TokenBuckets({ perSecond: 0.001, burst: 1, keys: 1000 }, seededRandom(9))
    const keys = ['', '\0', '\0\0', 'a', 'aa', 'ab', 'ba', '日', '日本', 'é', 'x'.repeat(16_000), 'x'.repeat(16_001)]
    for (const key of keys) assert.ok(buckets.draw(key, 1).admitted, key.slice(0, 5))
    for (const key of keys) assert.ok(!buckets.draw(key, 2).admitted, key.slice(0, 5))
  })
})

describe('the network of an address', () => {
  it('is the address of IPv4 and the /64 of IPv6, however it is written', () => {
    assert.equal(networkOf('192.0.2.1'), '192.0.2.1')
    for (const address of ['2001:db8::1', '2001:0db8:0:0:ffff::', '2001:DB8:0:0:1:2:3:4', '2001:db8::1:2:192.0.2.1'])
      assert.equal(networkOf(address), '2001:db8:0:0', address)
    assert.equal(networkOf('::1'), '0:0:0:0')
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0')
  })
})
