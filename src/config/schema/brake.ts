import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import { about, duration, percent } from './scalars.ts'

/** When instances that the registry drops stay for a while. */
export const brake = z
  .strictObject({
    above: percent({
      description:
        'If the registry drops a larger share of a service with three or more instances in one update, they stay until our own probes fail, half as many new ones serve, or hold is over. 100%: never.',
      default: '50%',
      max: 100,
    }).optional(),
    hold: duration({
      description:
        'For so long they stay at the most. Shorten it if instances run on for long after they have been deregistered.',
      default: formatDurationMs(builtIn.brake.holdMs),
      minMs: 1_000,
      maxMs: 3_600_000,
    }).optional(),
  })
  .transform(({ above, hold }) => ({ aboveRatio: above, holdMs: hold }))
  .meta(
    about({
      description:
        'Doubt about mass removals: an error of the registry, or in what feeds it, must not take a service down. In the 30 s after the registry was away each removal is doubted, and instances that turn critical too, whatever the number.',
      example: { above: '50%', hold: '1m' },
    }),
  )
