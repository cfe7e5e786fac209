import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { guard, pair, sign, start, statusOf, type Pair } from './tokens.ts'

const fixture = dataPlaneFixture()
const [first, second] = [pair('ES256', 'k1'), pair('ES256', 'k2')]

function long(key: Pair): Promise<string> {
  return sign(key, { exp: start + 90_000 })
}

/** An issuer that says what the test tells it to, and a filter that asks it. */
async function publishing() {
  const state = { keys: [first.jwk] as unknown[], status: 200, hits: 0, raw: null as string | null }
  const { port } = await fixture.instance((_incoming, response) => {
    state.hits++
    response.writeHead(state.status, { 'content-type': 'application/json' })
    response.end(state.raw ?? JSON.stringify({ keys: state.keys }))
  })
  const clock = new ManualClock()
  return {
    state,
    clock,
    filter: guard({ jwks: `http://127.0.0.1:${port}/jwks`, refresh: '10m', stale: '1h', tolerance: '10m' }, clock),
  }
}

describe("an issuer's published keys", () => {
  it('are asked for when first needed, once for many requests, and kept', async () => {
    const { state, filter } = await publishing()
    const token = await long(first)
    assert.equal(state.hits, 0)
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => statusOf(filter, token))), [200, 200, 200])
    assert.equal(await statusOf(filter, token), 200)
    assert.equal(state.hits, 1)
  })

  it('are asked for again at once for a new key, but not for each invented one', async () => {
    const { state, clock, filter } = await publishing()
    assert.equal(await statusOf(filter, await long(first)), 200)
    state.keys = [first.jwk, second.jwk]
    for (let i = 0; i < 20; i++)
      assert.equal(await statusOf(filter, await sign({ ...second, jwk: { kid: `invented-${i}` } })), 401)
    assert.equal(state.hits, 1)
    clock.advanceSync(10_000)
    assert.equal(await statusOf(filter, await long(second)), 200)
    assert.equal(state.hits, 2)
  })

  it('serve on while the issuer is away, and not for ever', async () => {
    const { state, clock, filter } = await publishing()
    const token = await long(first)
    assert.equal(await statusOf(filter, token), 200)
    state.status = 500
    clock.advanceSync(11 * 60_000)
    assert.equal(await statusOf(filter, token), 200)
    clock.advanceSync(50 * 60_000)
    await assert.rejects(statusOf(filter, token), { code: 'auth_unavailable' })
    state.status = 200
    clock.advanceSync(10_000)
    assert.equal(await statusOf(filter, token), 200)
  })

  it('are taken out when the issuer takes them out', async () => {
    const { state, clock, filter } = await publishing()
    const token = await long(first)
    assert.equal(await statusOf(filter, token), 200)
    state.keys = [second.jwk]
    clock.advanceSync(11 * 60_000)
    // This one still gets the old answer, and has the new one asked for.
    assert.equal(await statusOf(filter, token), 200)
    while ((await statusOf(filter, token)) === 200) await clock.advance(0)
    assert.equal(state.hits, 2)
  })

  it('are refused with 503 when they cannot be had: too many, too long, no JSON, no keys', async () => {
    for (const raw of [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"keys":{}}',
      '{"keys":[]}',
      '{"keys":[{"kty":"oct","k":"eA"}]}',
      `{"keys":[${'{},'.repeat(300)}{}]}`,
      `"${'x'.repeat(600_000)}"`,
    ]) {
      const { state, filter } = await publishing()
      state.raw = raw
      await assert.rejects(statusOf(filter, await long(first)), { code: 'auth_unavailable' }, raw.slice(0, 40))
      await assert.rejects(statusOf(filter, await long(first)), { code: 'auth_unavailable' })
      assert.equal(state.hits, 1)
    }
    const plane = await filteredPlane(fixture, [guard({ jwks: 'http://127.0.0.1:1/' })])
    const { statusCode, body } = await request(plane.url, { headers: { authorization: `Bearer ${await long(first)}` } })
    assert.equal(statusCode, 503)
    assert.match(await body.text(), /"auth_unavailable"/)
  })
})
