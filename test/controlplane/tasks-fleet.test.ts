import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemRandom } from '../../src/clock.ts'
import { runFleet } from './tasks-fleet.ts'

const seed = Number(process.env['SEED'] ?? Math.floor(systemRandom() * 2 ** 31))

describe('a fleet of five whose clocks are up to 5 s apart, with a fire every second', () => {
  for (const [change, since] of [
    ['to summer time', '2026-03-29T00:52:00Z'],
    ['back from it', '2026-10-25T00:52:00Z'],
  ] as const) {
    it(`has one successful record and one effect of each of 500 fires over the switch ${change} (seed ${seed})`, async () => {
      const { planned, records, successes, effects, told } = await runFleet({ seed, since: Date.parse(since), seconds: 500 })
      assert.ok(planned.length >= 500)
      for (const fireTime of planned) {
        assert.deepEqual(
          [fireTime, records.get(fireTime)?.ok, successes.get(fireTime), effects.get(fireTime)],
          [fireTime, true, 1, 1],
        )
      }
      assert.deepEqual([records.size, effects.size], [planned.length, planned.length], 'and of no other fire')
      // Otherwise nothing was shown.
      for (const what of ['cut', 'killed', 'expired', 'away', 'refused', 'continued', 'madeUp'] as const)
        assert.ok(told[what] > 0, `${what}: ${JSON.stringify(told)}`)
    })
  }
})
