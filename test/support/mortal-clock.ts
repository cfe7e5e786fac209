import type { Clock } from '../../src/clock.ts'

/** The clock of a process that can be killed: from then on no timer of its own goes off any more, and nothing is cleaned up. */
export function mortalClock(clock: Clock): { readonly own: Clock; readonly kill: () => void } {
  let isAlive = true
  return {
    own: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      thisTurn: () => clock.thisTurn(),
      after: (delayMs, run) => clock.after(delayMs, () => isAlive && run()),
    },
    kill: () => void (isAlive = false),
  }
}
