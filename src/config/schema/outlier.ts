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
  .transform(({ consecutive, eject, maxEjected, on }) => ({ consecutive, ejectMs: eject, maxEjectedRatio: maxEjected, on }))

export const outlier = z.union([off, settings]).meta(
  about({
    description:
      'Takes instances out that fail real requests, whatever their probes say; `{}` for the defaults below. A probe that passes does not bring one back before its time.',
    default: 'off',
    example: { consecutive: 5, eject: '30s' },
  }),
)
