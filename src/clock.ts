/** A timer that was armed by a {@link Clock}; cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** The only way to time: wall time for what people read, monotonic time for what is measured. Tests inject a manual one. */
export interface Clock {
  /** Wall time in ms since the epoch: may jump. */
  now(): number
  /** Monotonic time in ms from an arbitrary start: never goes back. */
  monotonic(): number
  /**
   * Monotonic time in ms at which it was first asked for in this turn of the event loop: for what is done for every request, which
   * ten looks at the clock make some per cent dearer. A duration has both its ends from here (docs/decisions/0041).
   */
  thisTurn(): number
  /** Calls `run` once, `delayMs` (≥ 0) from now. An armed timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer
}

/** A uniform random number in [0, 1). */
export type Random = () => number

// A longer delay would fire at once (setTimeout takes a signed 32-bit count of ms).
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** -1: nobody has asked yet in this turn. */
let readInTurn = -1

function forget(): void {
  readInTurn = -1
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  thisTurn: () => {
    if (readInTurn !== -1) return readInTurn
    setImmediate(forget)
    return (readInTurn = performance.now())
  },
  after: (delayMs, run) => {
    const timeout = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS))
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}

/** For a process whose turns are an application's, which may be long: what it does first in one must not take the time of what it does last. */
export const clockOfApplications: Clock = { ...systemClock, thisTurn: () => systemClock.monotonic() }

/** Keeps the process from ending while it waits for nothing but armed timers, until the function that is returned is called. */
export function holdProcess(): () => void {
  const interval = setInterval(() => {}, LONGEST_TIMER_MS)
  return () => clearInterval(interval)
}

export const systemRandom: Random = () => Math.random()

/** Resolves after `delayMs`, or at once when `signal` aborts; the caller looks at the signal to know which. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
