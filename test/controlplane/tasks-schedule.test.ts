import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cronProblem, startCronTicker } from '../../src/controlplane/tasks/schedule.ts'
import { until } from '../support/until.ts'

describe('cron expressions', () => {
  for (const good of ['* * * * *', '*/5 * * * * *', '0 3 * * 1-5', '0 0 29 2 *', '@daily']) {
    it(`accepts ${good}`, () => assert.equal(cronProblem(good, 'Europe/Berlin'), null))
  }

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['61 * * * *', 'UTC', /"61 \* \* \* \*" is not a cron expression: 61 is a invalid expression for minute/],
    ['* * *', 'UTC', /expected 5 or 6 fields but got 3/],
    ['every day', 'UTC', /is not a cron expression/],
    ['', 'UTC', /is not a cron expression/],
    ['0 0 30 2 *', 'UTC', /impossible day of month/],
    ['0 3 * * *', 'Europe/Berln', /"Europe\/Berln" is not a timezone: expected an IANA name/],
  ]
  for (const [expression, timezone, problem] of bad) {
    it(`refuses "${expression}" in ${timezone} with the reason`, () =>
      assert.match(cronProblem(expression, timezone) ?? '', problem))
  }
})

describe('the ticker', () => {
  it('calls with the planned time in whole seconds, and no more once stopped', async () => {
    const fires: Date[] = []
    const ticker = startCronTicker({ cron: '* * * * * *', timezone: 'UTC', onFire: (fireTime) => void fires.push(fireTime) })
    const next = ticker.next?.getTime() ?? 0
    await until('it fired', () => fires.length === 1)
    ticker.stop()
    assert.ok(Math.abs((fires[0]?.getTime() ?? 0) - next) <= 1000)
    assert.equal((fires[0]?.getTime() ?? 1) % 1000, 0)
    assert.equal(ticker.next, null)
  })

  it('plans in the timezone of the task', () => {
    const ticker = startCronTicker({ cron: '30 3 * * *', timezone: 'Asia/Kolkata', onFire: () => {} })
    assert.match(ticker.next?.toISOString() ?? '', /T22:00:00\.000Z$/)
    ticker.stop()
  })
})
