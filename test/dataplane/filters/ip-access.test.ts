import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

const fixture = dataPlaneFixture()

describe('access by address', () => {
  it('is for the listed addresses with ipAllow, for the others with ipDeny', async () => {
    const addresses = ['10.0.0.0/8', 'fd00::/8', '192.0.2.7']
    for (const [address, listed] of [
      ['10.1.2.3', true],
      ['fd00::1', true],
      ['192.0.2.7', true],
      ['192.0.2.8', false],
      ['fe80::1', false],
      ['not an address', false],
    ] as const) {
      const status = async (kind: string) => (await answerOf(filterOf(kind, { addresses }), requestHead(), address)).status
      assert.equal(await status('ipAllow'), listed ? 200 : 403, address)
      assert.equal(await status('ipDeny'), listed ? 403 : 200, address)
    }
  })

  it('is refused with a code and no word about addresses', async () => {
    const plane = await filteredPlane(fixture, [filterOf('ipAllow', { addresses: ['192.0.2.1'] })])
    const { statusCode, body } = await request(plane.url)
    const text = await body.text()
    assert.equal(statusCode, 403)
    assert.equal(errorCodeOf(text), 'forbidden')
    assert.doesNotMatch(text, /127\.0|192\.0/)
    assert.match(plane.log(), /"code":"forbidden","detail":"127.0.0.1 is not allowed"/)
  })

  it('does not follow an X-Forwarded-For that anybody may have written', async () => {
    const plane = await filteredPlane(fixture, [filterOf('ipAllow', { addresses: ['10.0.0.1'] })])
    const { statusCode, body } = await request(plane.url, { headers: { 'x-forwarded-for': '10.0.0.1' } })
    await body.dump()
    assert.equal(statusCode, 403)
  })

  it('follows a trusted peer to the nearest address that is not trusted itself', async () => {
    const plane = await filteredPlane(fixture, [filterOf('ipAllow', { addresses: ['10.0.0.1'] })], {
      trust: ['127.0.0.1', '172.16.0.0/12'],
    })
    for (const [forwarded, expected] of [
      ['10.0.0.1', 200],
      ['10.0.0.1, 172.16.0.9', 200],
      ['10.0.0.1:4711, 172.16.0.9', 200],
      ['10.0.0.1, 192.0.2.1', 403],
      ['10.0.0.1, 192.0.2.1, 172.16.0.9', 403],
      ['10.0.0.1, garbage', 403],
      ['', 403],
    ] as const) {
      const { statusCode, body } = await request(plane.url, { headers: { 'x-forwarded-for': forwarded } })
      await body.dump()
      assert.equal(statusCode, expected, forwarded)
    }
  })

  it('is not configured with what is no address', () => {
    for (const addresses of [[], ['x'], ['10.0.0.0/33'], ['10.0.0.0/-1'], ['localhost'], [7]])
      assert.throws(() => filterOf('ipAllow', { addresses }), JSON.stringify(addresses))
  })
})
