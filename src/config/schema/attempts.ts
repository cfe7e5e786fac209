import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { AttemptOverrides } from '../config.ts'
import { faults } from './faults.ts'
import { about, count, duration, durationOrOff, percent } from './scalars.ts'

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
    try: durationOrOff({
      description:
        'From the request to the head of the response, of a single attempt, so that time is left for another one; 0: only `response` counts.',
      default: fallback.tryMs,
      example: '1s',
    }).optional(),
  })
  .transform(({ connect, response, idle, try: oneTry }): NonNullable<AttemptOverrides['timeouts']> => ({
    connectMs: connect,
    responseMs: response,
    idleMs: idle,
    tryMs: oneTry,
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
    on: faults({
      description:
        'After what: `connect`, `reset`, `timeout` (of one attempt: `timeouts.try`), a status, or a range as `502-504`. Default: the first three. A `Retry-After` of up to 1s is waited for; with a longer one the answer goes to the client.',
      example: ['connect', 'reset', 'timeout', 503],
    }).optional(),
    budget: percent({
      description:
        'Retries that the upstream may notice, as a share of its requests, or one per second if that is more: when everything fails, retries must not multiply the load. 0%: none. Where no connection came about, nobody noticed.',
      default: `${builtIn.upstream.retry.budgetRatio * 100}%`,
      max: 100,
    }).optional(),
  })
  .transform(({ attempts, on, budget }): NonNullable<AttemptOverrides['retry']> => ({ attempts, on, budgetRatio: budget }))
  .meta(about({ description: 'Trying again.', example: { attempts: 2 } }))
