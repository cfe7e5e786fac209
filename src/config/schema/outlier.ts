import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import { faults } from './faults.ts'
import { about, count, duration, off, percent } from './scalars.ts'

const fallback = builtIn.outlier

const settings = z
  .strictObject({
    consecutive: count({
      description: 'Failed requests in a row that take an instance out.',
      default: fallback.consecutive,
      min: 1,
      max: 10_000,
    }).optional(),
    failures: percent({
      description: 'Or this share of the requests to it within `window`; 0%: only those in a row count.',
      default: '0%',
      max: 100,
    }).optional(),
    slowTimes: count({
      description:
        'Or answers that take so many times as long as those of the others, by the median over `window`, of three instances at least; 0: nobody is too slow.',
      default: fallback.slowTimes,
      min: 0,
      max: 1_000,
    }).optional(),
    slowBy: duration({
      description: 'And are slower by so much, so that nobody is taken out for trifles.',
      default: formatDurationMs(fallback.slowByMs),
      maxMs: 600_000,
    }).optional(),
    window: duration({
      description: 'How far `failures` and `slowTimes` look back.',
      default: formatDurationMs(fallback.windowMs),
      minMs: 100,
      maxMs: 3_600_000,
    }).optional(),
    minRequests: count({
      description: 'With fewer requests to an instance within it they say nothing of it.',
      default: fallback.minRequests,
      min: 1,
      max: 1_000_000,
    }).optional(),
    eject: duration({
      description: 'For so long the first time; each time again for so much longer, up to ten times.',
      default: formatDurationMs(fallback.ejectMs),
      minMs: 100,
      maxMs: 3_600_000,
    }).optional(),
    maxEjected: percent({
      description: 'Never more than this share of the instances that would get traffic.',
      default: `${fallback.maxEjectedRatio * 100}%`,
      max: 100,
    }).optional(),
    on: faults({
      description:
        'What counts as a failure: `connect`, `reset`, `timeout`, a status, a class as `5xx`, or a range as `502-504`. Default: the first three.',
      example: ['connect', 'reset', 'timeout', '502-504'],
    }).optional(),
  })
  .transform(({ consecutive, failures, slowTimes, slowBy, window, minRequests, eject, maxEjected, on }) => ({
    consecutive,
    failureRatio: failures,
    slowTimes,
    slowByMs: slowBy,
    windowMs: window,
    minRequests,
    ejectMs: eject,
    maxEjectedRatio: maxEjected,
    on,
  }))

export const outlier = z.union([off, settings]).meta(
  about({
    description:
      'Takes instances out that fail real requests or are far slower than the others, whatever their probes say; `{}` for the defaults below. A probe that passes does not bring one back before its time.',
    default: 'off',
    example: { consecutive: 5, eject: '30s' },
  }),
)
