import type { Clock } from '../../src/clock.ts'

/**
 * A clock that runs `factor` times as fast as the real one, for what needs minutes. Its wall time is the same in all processes of a
 * test that name the same `since`, ms since the epoch.
 */
export function fastClock(factor: number, since: number): Clock {
  return {
    now: () => since + (Date.now() - since) * factor,
    monotonic: () => performance.now() * factor,
    thisTurn: () => performance.now() * factor,
    after: (delayMs, run) => {
      const timeout = setTimeout(run, Math.min(delayMs / factor, 2 ** 31 - 1))
      timeout.unref()
      return { cancel: () => clearTimeout(timeout) }
    },
  }
}
