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
