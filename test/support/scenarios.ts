import { builtIn } from '../../src/config/built-in.ts'
import type { Behaviour, Scenario } from './simulation.ts'

const on = { connect: true, reset: true, timeout: true, statuses: [[503, 503]] } as const
/** Five failures in a row are out for 5 s. */
export const outlier = { ...builtIn.outlier, consecutive: 5, ejectMs: 5_000, maxEjectedRatio: 0.5, on }

/** Works on each request for so long in the mean. */
export function steady(workMs: number, behaviour: Partial<Behaviour> = {}): Behaviour {
  return { workMs: () => workMs, ...behaviour }
}

export function times<T>(count: number, make: (at: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, at) => make(at))
}

const oneSlow = [...times(9, () => steady(50)), steady(250)]

/** One instance of ten five times slower, and little to do. */
export const oneSlowQuiet: Scenario = { instances: oneSlow, requestsPerSecond: 100, seconds: 100, settleSeconds: 10 }

/** The same with as much to do as they can, but for the slow one. */
export const oneSlowBusy: Scenario = { instances: oneSlow, requestsPerSecond: 500, seconds: 60, settleSeconds: 10 }

/** Fast and slow ones, some that fail half their requests, some that flap, ten that join cold. */
export const fleetOfHundred: Scenario = {
  instances: [
    ...times(70, (at) => steady(30 + (at % 7) * 10)),
    ...times(10, () => steady(300)),
    ...times(5, () => steady(50, { failing: () => 0.5 })),
    ...times(5, (at) => steady(50, { isUp: (now) => (now + at * 1_700) % 10_000 > 3_000 })),
    ...times(10, () => ({ joinsAt: 20_000, workMs: (now: number) => 50 * (1 + 9 * Math.max(0, 1 - (now - 20_000) / 15_000)) })),
  ],
  requestsPerSecond: 2_000,
  seconds: 45,
  settleSeconds: 10,
}

const WORK_MS = 50

/** The model of Mitzenmacher's analysis: instances that work on one request at a time, with this share of what they can to do. */
export function supermarket(load: number): Scenario {
  const instances = times(100, () => steady(WORK_MS))
  return { instances, concurrency: 1, requestsPerSecond: (load * 100 * 1_000) / WORK_MS, seconds: 80, settleSeconds: 20 }
}

/**
 * How long requests take in that model with `choices` drawn at random, ms. Source: Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing" (IEEE TPDS 12, 2001): the sum of load^((choices^i - choices) / (choices - 1)), and 1 / (1 - load) for one choice.
 */
export function supermarketMs(load: number, choices: 1 | 2): number {
  if (choices === 1) return WORK_MS / (1 - load)
  return WORK_MS * times(12, (i) => load ** (2 ** (i + 1) - 2)).reduce((sum, term) => sum + term, 0)
}
