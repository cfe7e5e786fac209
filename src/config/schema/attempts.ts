import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { AttemptOverrides } from '../config.ts'
import { about, count, duration } from './scalars.ts'

const fallback = builtIn.upstream.timeouts

export const timeouts = z
  .strictObject({
    connect: duration({
      description: 'Time to open a connection to an instance.',
      default: formatDurationMs(fallback.connectMs),
      maxMs: 600_000,
    }).optional(),
    response: duration({
      description: 'From the request to the head of the response, all attempts together.',
      default: formatDurationMs(fallback.responseMs),
    }).optional(),
    idle: duration({
      description: 'Time without a byte in either direction once the response has begun; also of WebSockets.',
      default: formatDurationMs(fallback.idleMs),
    }).optional(),
  })
  .transform(({ connect, response, idle }): NonNullable<AttemptOverrides['timeouts']> => ({
    connectMs: connect,
    responseMs: response,
    idleMs: idle,
  }))
  .meta(about({ description: 'How long an upstream may take.', example: { response: '3s' } }))

export const retry = z
  .strictObject({
    attempts: count({
      description:
        'Attempts per request in all; 1 is no retry. Only what is safe to repeat is tried again, on another instance if there is one.',
      default: builtIn.upstream.retry.attempts,
      min: 1,
      max: 5,
    }).optional(),
  })
  .meta(about({ description: 'Trying again.', example: { attempts: 2 } }))
