import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import { faults } from './faults.ts'
import { about, count, duration, off, percent } from './scalars.ts'

const breaking = builtIn.breaker
const limiting = builtIn.concurrency

const breakerSettings = z
  .strictObject({
    failures: percent({
      description:
        'Share of failed requests within the window that opens it. A request that succeeds at its second attempt is a success.',
      default: `${breaking.failureRatio * 100}%`,
      max: 100,
    }).optional(),
    minRequests: count({
      description: 'With fewer requests within the window it stays closed.',
      default: breaking.minRequests,
      min: 1,
      max: 1_000_000,
    }).optional(),
    window: duration({
      description: 'How far it looks back.',
      default: formatDurationMs(breaking.windowMs),
      minMs: 100,
      maxMs: 3_600_000,
    }).optional(),
    open: duration({
      description: 'For so long every request is answered with 503 `circuit_open` and `Retry-After`.',
      default: formatDurationMs(breaking.openMs),
      minMs: 100,
      maxMs: 3_600_000,
    }).optional(),
    trials: count({
      description: 'So many requests are then let through: if all succeed it closes, if one fails it opens again.',
      default: breaking.trials,
      min: 1,
      max: 1_000,
    }).optional(),
    on: faults({
      description: 'What is a failure, as in `retry.on`. Default: `connect`, `reset`, `timeout` and `502-504`.',
      example: ['connect', 'reset', 'timeout', '5xx'],
    }).optional(),
  })
  .transform(({ failures, minRequests, window, open, trials, on }) => ({
    failureRatio: failures,
    minRequests,
    windowMs: window,
    openMs: open,
    trials,
    on,
  }))

export const breaker = z.union([off, breakerSettings]).meta(
  about({
    description:
      'Leaves an upstream alone that fails too often, so that it can recover and nobody waits for it; `{}` for the defaults below. Its state outlives reloads that do not change it.',
    default: 'off',
    example: { failures: '50%', open: '5s' },
  }),
)

const concurrencySettings = z
  .strictObject({
    requests: count({
      description: 'Requests under way at the upstream at the most; 0: no limit.',
      default: limiting.requests,
      min: 0,
      max: 1_000_000,
    }).optional(),
    perInstance: count({
      description:
        'Attempts under way at each instance at the most: a busy one is passed over for another; 0: no limit but `maxConnections`.',
      default: limiting.perInstance,
      min: 0,
      max: 1_000_000,
    }).optional(),
    queue: count({
      description:
        'Requests on top of that which may wait, in the order they came; more are answered with 503 `upstream_overloaded` at once.',
      default: limiting.queue,
      min: 0,
      max: 1_000_000,
    }).optional(),
    queueTimeout: duration({
      description: 'How long they may wait; then the same answer.',
      default: formatDurationMs(limiting.queueTimeoutMs),
      maxMs: 600_000,
    }).optional(),
  })
  .transform(({ queueTimeout, ...limits }) => ({ ...limits, queueTimeoutMs: queueTimeout }))

export const concurrency = z.union([off, concurrencySettings]).meta(
  about({
    description:
      'Limits what an upstream is given to do at a time, WebSockets included, before a connection is asked for; `{}` for the defaults below.',
    default: 'off',
    example: { requests: 500, queue: 100 },
  }),
)
