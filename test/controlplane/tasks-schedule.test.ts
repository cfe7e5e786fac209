import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../../src/clock.ts'
import { cronProblem, jitterProblem, scheduleOf } from '../../src/controlplane/tasks/schedule.ts'
import { startTicker, type Ticker } from '../../src/controlplane/tasks/ticker.ts'
import { ManualClock } from '../support/manual-clock.ts'

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

/** The planned times between two. */
function planned(cron: string, timezone: string, between: readonly [string, string]): readonly string[] {
  const { next } = scheduleOf(cron, timezone)
  const [from, to] = between.map((text) => new Date(text)) as [Date, Date]
  const found: Date[] = []
  for (let time = next(from); time <= to; time = next(time)) found.push(time)
  return found.map((time) => time.toISOString().slice(5, 16))
}

describe('a schedule', () => {
  it('plans in the timezone of the task', () =>
    assert.deepEqual(planned('30 3 * * *', 'Asia/Kolkata', ['2026-06-01T00:00:00Z', '2026-06-02T00:00:00Z']), ['06-01T22:00']))

  it('at an hour that is there twice fires once', () =>
    assert.deepEqual(planned('30 2 * * *', 'Europe/Berlin', ['2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z']), [
      '10-25T01:30',
      '10-26T01:30',
    ]))

  it('at an hour that is missing does not fire that day', () =>
    assert.deepEqual(planned('30 2 * * *', 'Europe/Berlin', ['2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z']), ['03-30T00:30']))

  for (const [change, between] of [
    ['to summer time', ['2026-03-29T00:00:00Z', '2026-03-29T03:00:00Z']],
    ['back', ['2026-10-25T00:00:00Z', '2026-10-25T03:00:00Z']],
  ] as const) {
    for (const [cron, times] of [
      ['*/10 * * * *', 18],
      ['*/10 * * * * *', 1080],
      ['@hourly', 3],
      ['15 * * * *', 3],
    ] as const) {
      it(`of ${cron} goes on evenly over the switch ${change}`, () => {
        const all = planned(cron, 'Europe/Berlin', between)
        assert.equal(all.length, times)
        assert.deepEqual(all, all.toSorted())
      })
    }
  }

  it('of every hour goes on over a switch of half an hour', () =>
    assert.deepEqual(planned('0 * * * *', 'Australia/Lord_Howe', ['2026-04-04T13:00:00Z', '2026-04-04T17:00:00Z']), [
      '04-04T14:00',
      '04-04T15:30',
      '04-04T16:30',
    ]))

  it('has a jitter that is no longer than what is between two fires', () => {
    assert.equal(jitterProblem('* * * * *', 'UTC', 60_000), null)
    assert.match(jitterProblem('* * * * *', 'UTC', 60_001) ?? '', /longer than the 1m between two fires/)
  })
})

function start(cron: string, clock: Clock): { readonly fires: readonly string[]; readonly ticker: Ticker } {
  const fires: string[] = []
  const onFire = (fireTime: Date): void => void fires.push(fireTime.toISOString().slice(11, 19))
  return { fires, ticker: startTicker({ cron, timezone: 'UTC', clock, onFire }) }
}

describe('the ticker', () => {
  it('calls with each planned time, and no more once stopped', async () => {
    const clock = new ManualClock()
    const { fires, ticker } = start('*/2 * * * * *', clock)
    await clock.advance(5_000)
    assert.deepEqual(fires, ['00:00:02', '00:00:04'])
    assert.equal(ticker.next?.toISOString(), '2026-01-01T00:00:06.000Z')
    ticker.stop()
    await clock.advance(5_000)
    assert.deepEqual([fires.length, ticker.next, clock.pending], [2, null, 0])
  })

  it('makes up for 30 s of a busy process, and not for more', async () => {
    const clock = new ManualClock()
    const { fires } = start('*/10 * * * * *', clock)
    clock.advanceSync(65_000)
    await clock.advance(0)
    assert.deepEqual(fires, ['00:00:40', '00:00:50', '00:01:00'])
  })

  it('goes on from the new time when the clock is set back', async () => {
    const inner = new ManualClock()
    let setBackMs = 0
    const clock: Clock = {
      now: () => inner.now() - setBackMs,
      monotonic: () => inner.monotonic(),
      thisTurn: () => inner.thisTurn(),
      after: (delayMs, run) => inner.after(delayMs, run),
    }
    const { fires, ticker } = start('* * * * *', clock)
    await inner.advance(120_000)
    setBackMs = 60_000
    await inner.advance(30_000)
    assert.equal(ticker.next?.toISOString(), '2026-01-01T00:02:00.000Z')
    assert.deepEqual(fires, ['00:01:00', '00:02:00'])
  })
})
