import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request } from 'undici'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { ask, filterOf } from '../../support/filter.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import type { Answer } from '../../support/instance.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'
import { until } from '../../support/until.ts'

const fixture = dataPlaneFixture()

async function start(answer: Answer, ...totals: string[]) {
  const clock = new ManualClock()
  const filters = totals.map((total) => filterOf('timeout', { total }))
  const plane = await filteredPlane(fixture, filters, { answer, clock })
  return { clock, plane }
}

describe('the time of an exchange', () => {
  it('ends with 504 and its code, all attempts together, and no instance is blamed', async () => {
    const { clock, plane } = await start(() => {}, '2s')
    const answer = request(plane.url)
    await until('the service has it', () => plane.inFlight() === 1)
    await clock.advance(1_900)
    assert.equal(plane.inFlight(), 1)
    await clock.advance(200)
    const { statusCode, body } = await answer
    assert.deepEqual([statusCode, errorCodeOf(await body.text())], [504, 'deadline_exceeded'])
    assert.deepEqual([plane.inFlight(), plane.access.at(-1)?.attempts], [0, 1])
  })

  it('is the shortest that a filter gives, and an answer in time is not touched', async () => {
    const { plane } = await start((_incoming, response) => void response.end('fine'), '5s', '1s', '3s')
    const { statusCode, body } = await request(plane.url)
    assert.deepEqual([statusCode, await body.text()], [200, 'fine'])
    const head = requestHead()
    for (const total of ['5s', '1s', '3s']) await ask(filterOf('timeout', { total }), head)
    assert.equal(head.totalMs, 1_000)
  })

  it('is written with its unit, and above nothing', () => {
    for (const total of ['5', '0s', '-1s', 'soon', '2d'])
      assert.throws(() => filterOf('timeout', { total }), { code: 'config_invalid' })
  })
})
