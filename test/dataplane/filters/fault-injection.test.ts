import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerOf, ask, codeOf, filterOf } from '../../support/filter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'
import { seededRandom } from '../../support/seeded-random.ts'

describe('injected faults', () => {
  it('hit the share that is written', async () => {
    const filter = filterOf('faultInjection', { abort: { status: 500, share: '20%' } }, { random: seededRandom(7) })
    let failed = 0
    for (let i = 0; i < 10_000; i++) if ((await answerOf(filter)).status === 500) failed++
    assert.ok(failed > 1850 && failed < 2150, String(failed))
  })

  it('hit nobody at 0% and everybody at 100%', async () => {
    assert.equal((await answerOf(filterOf('faultInjection', { abort: { share: '0%' } }))).status, 200)
    assert.deepEqual(await answerOf(filterOf('faultInjection', { abort: {} })), {
      status: 503,
      headers: ['content-type', 'application/json', 'x-request-id', 'r-1'],
      code: 'fault_injected',
    })
  })

  it('delay for the time that is written, and fail after that', async () => {
    const clock = new ManualClock()
    const filter = filterOf('faultInjection', { delay: { time: '200ms' }, abort: {} }, { clock })
    let code: string | undefined
    void Promise.resolve(ask(filter, requestHead())).then((reply) => (code = codeOf(reply)))
    await clock.advance(199)
    assert.equal(code, undefined)
    await clock.advance(1)
    assert.equal(code, 'fault_injected')
  })

  it('need a unit, a range and something to do', () => {
    for (const options of [
      {},
      { delay: { time: '2h' } },
      { delay: { time: 200 } },
      { delay: {} },
      { abort: { status: 200 } },
      { abort: { share: 0.5 } },
      { abort: { share: '101%' } },
    ])
      assert.throws(() => filterOf('faultInjection', options), JSON.stringify(options))
  })
})
