import { z } from 'zod'
import type { RouteMirror } from '../config.ts'
import { about, count, duration, name, percent } from './scalars.ts'
import { where } from './where.ts'

const upstream = name({ description: 'The upstream that gets the copies.', example: 'shop-next' })
const fallback = { ratio: 1, maxInFlight: 100, timeoutMs: 5_000 }

const settings = z
  .strictObject({
    upstream,
    where: where.optional(),
    ratio: percent({ description: 'The share of the requests that is copied.', default: '100%', max: 100 }).optional(),
    maxInFlight: count({
      description: 'Copies under way at a time; more are left out.',
      default: fallback.maxInFlight,
      min: 1,
      max: 10_000,
    }).optional(),
    timeout: duration({
      description: 'For a whole copy; then it is cut off.',
      default: '5s',
      maxMs: 600_000,
    }).optional(),
  })
  .transform(({ upstream: target, where: subset, ratio, maxInFlight, timeout }): RouteMirror => ({
    upstream: target,
    ...(subset && { where: subset }),
    policy: {
      ratio: ratio ?? fallback.ratio,
      maxInFlight: maxInFlight ?? fallback.maxInFlight,
      timeoutMs: timeout ?? fallback.timeoutMs,
    },
  }))

export const mirror = z
  .union([upstream.transform((target): RouteMirror => ({ upstream: target, policy: fallback })), settings])
  .meta(
    about({
      description:
        'Sends a copy of each request to another upstream and throws the answer away: tried once, after the request itself, which neither waits for it nor fails with it. No WebSockets, and no bodies above 64 KiB.',
      example: { upstream: 'shop-next', ratio: '10%' },
    }),
  )
