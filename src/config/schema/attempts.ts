import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { AttemptOverrides } from '../config.ts'
import { faults } from './faults.ts'
import { about, count, duration, durationOrOff, fieldName, off, percent, size } from './scalars.ts'

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
    total: durationOrOff({
      description:
        'From the begin of the request to the end of the answer, with its waits, attempts and bodies; 0: no limit. Not of WebSockets.',
      default: fallback.totalMs,
      example: '20s',
    }).optional(),
  })
  .transform(({ connect, response, idle, try: oneTry, total }): NonNullable<AttemptOverrides['timeouts']> => ({
    connectMs: connect,
    responseMs: response,
    idleMs: idle,
    tryMs: oneTry,
    totalMs: total,
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
        'After what: `connect`, `reset`, `timeout` (of one attempt: `timeouts.try`), a status, a class as `5xx`, or a range as `502-504`. Default: the first three.',
      example: ['connect', 'reset', 'timeout', 503],
    }).optional(),
    budget: percent({
      description:
        'Retries that the upstream may notice, as a share of its requests, or one per second if that is more: when everything fails, retries must not multiply the load. 0%: none. Where no connection came about, nobody noticed.',
      default: `${builtIn.upstream.retry.budgetRatio * 100}%`,
      max: 100,
    }).optional(),
    backoff: duration({
      description:
        'The pause before the first retry that the upstream may notice is a random part of this (full jitter); it doubles with each one.',
      default: formatDurationMs(builtIn.upstream.retry.backoffMs),
      maxMs: 60_000,
    }).optional(),
    maxBackoff: duration({
      description: 'No such pause is longer.',
      default: formatDurationMs(builtIn.upstream.retry.maxBackoffMs),
      maxMs: 60_000,
    }).optional(),
    retryAfter: durationOrOff({
      description:
        'A `Retry-After` up to so long is waited for, within `timeouts`; with a longer one the answer goes to the client at once.',
      default: formatDurationMs(builtIn.upstream.retry.retryAfterMs),
      maxMs: 60_000,
    }).optional(),
    hold: z
      .union([z.literal(0), size({ description: 'A size.', default: 0, example: '64KiB', minBytes: 1, maxBytes: 1024 ** 2 })])
      .optional()
      .meta(
        about({
          description:
            'Answers to requests that may be repeated are kept up to this size until they are whole, so that one that breaks off is asked for again instead of being cut; `timeouts.try` then counts to their end. Only those with a `Content-Length`; 0: none is kept.',
          default: builtIn.upstream.retry.holdBytes,
          example: '64KiB',
        }),
      ),
  })
  .transform(({ attempts, on, budget, backoff, maxBackoff, retryAfter, hold }): NonNullable<AttemptOverrides['retry']> => ({
    attempts,
    on,
    budgetRatio: budget,
    backoffMs: backoff,
    maxBackoffMs: maxBackoff,
    retryAfterMs: retryAfter,
    holdBytes: hold,
  }))
  .meta(about({ description: 'Trying again.', example: { attempts: 2 } }))

const given = builtIn.deadline

export const deadline = z
  .union([
    off,
    z.strictObject({
      header: fieldName
        .optional()
        .meta(about({ description: 'Name of the field, as in `grpc-timeout`.', default: given.header, example: 'grpc-timeout' })),
      format: z
        .enum(['ms', 'seconds', 'grpc'])
        .optional()
        .meta(
          about({ description: 'How the time is written: `1500`, `1.500`, or `1500m` as gRPC does.', default: given.format }),
        ),
      accept: z
        .boolean()
        .optional()
        .meta(
          about({
            description:
              'Whether the same field of a caller in `listeners.NAME.trust` shortens the time of its request. That of any other caller is dropped.',
            default: given.accept,
          }),
        ),
    }),
  ])
  .meta(
    about({
      description:
        'Tells the upstream in a field for how long an attempt is waited for, so that it need not work for nobody: the least of what is left of `try`, `response` and `total`. A time and not a point in time, since clocks differ. `{}` for the defaults below.',
      default: 'off',
      example: { header: 'X-Request-Timeout-Ms' },
    }),
  )

export const hedge = z
  .union([
    off,
    z
      .strictObject({
        after: duration({
          description:
            'So long the first attempt may take to answer. Near the 95th percentile a twentieth of the requests is sent twice.',
          default: formatDurationMs(builtIn.hedge.afterMs),
          maxMs: 600_000,
        }).optional(),
      })
      .transform(({ after }) => ({ afterMs: after })),
  ])
  .meta(
    about({
      description:
        'A second attempt at another instance, beside the first, for requests without body that may be repeated: the first good answer wins, the other attempt is aborted. It counts as an attempt and against `retry.budget`.',
      default: 'off',
      example: { after: '200ms' },
    }),
  )
