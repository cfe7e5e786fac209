import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '../src/clock.ts'

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function spend(ms: number): void {
  const endsAt = systemClock.monotonic() + ms
  while (systemClock.monotonic() < endsAt);
}

it('the time of a turn stands still within it, and is that of its first asking', async () => {
  await nextTurn()
  const before = systemClock.monotonic()
  const first = systemClock.thisTurn()
  spend(2)
  assert.equal(systemClock.thisTurn(), first)
  assert.ok(first >= before && first <= systemClock.monotonic() - 2)
})

it('the time of a turn has moved on in the next one, also after a turn in which nobody asked', async () => {
  for (const turns of [1, 3]) {
    const first = systemClock.thisTurn()
    spend(2)
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    assert.ok(systemClock.thisTurn() >= first + 2)
  }
})
