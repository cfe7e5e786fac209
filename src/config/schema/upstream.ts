import { z } from 'zod'
import { formatAddress } from '../../address.ts'
import { balancerTable } from '../../dataplane/balancer/table.ts'
import { formatDurationMs } from '../../durations.ts'
import { probeTable } from '../../health/table.ts'
import { builtIn } from '../built-in.ts'
import type { StaticInstance } from '../config.ts'
import { deadline, hedge, retry, timeouts } from './attempts.ts'
import { brake } from './brake.ts'
import { breaker, concurrency } from './gate.ts'
import { kindOrOptions, oneOf, optionsByKind } from './kinds.ts'
import { outlier } from './outlier.ts'
import { backup, zone } from './preference.ts'
import { about, count, duration, durationOrOff, name, percent, refuseRepeated, targetAddress } from './scalars.ts'

const fallback = builtIn.health

const health = z
  .strictObject({
    ...optionsByKind(probeTable),
    every: duration({
      description: 'From one probe of an instance to the next.',
      default: formatDurationMs(fallback.everyMs),
      minMs: 100,
    }).optional(),
    everyUnhealthy: duration({
      description: 'The same while the instance fails: shorter to have it back sooner, longer to spare it. Default: as `every`.',
      example: '1s',
      minMs: 100,
    }).optional(),
    jitter: percent({
      description:
        'Each interval varies by up to so much, and the first one is of any length, so that probes do not come in waves; of a failing instance they only get shorter, by up to twice of it. 0%: exact intervals.',
      default: '20%',
      max: 50,
    }).optional(),
    timeout: duration({
      description: 'Time for a probe to pass.',
      default: formatDurationMs(fallback.timeoutMs),
      maxMs: 600_000,
    }).optional(),
    everyRising: duration({
      description:
        'The same while a failing instance passes, until `healthy` is reached. Default: `timeout` divided by `healthy`, so that it is back within `every` and `timeout`; as usual if it falls again within ten intervals.',
      example: '250ms',
      minMs: 100,
    }).optional(),
    healthy: count({
      description: 'Passes in a row that bring a failed instance back. A new one needs a single pass.',
      default: fallback.healthy,
      min: 1,
      max: 100,
    }).optional(),
    unhealthy: count({
      description: 'Failures in a row that take an instance out.',
      default: fallback.unhealthy,
      min: 1,
      max: 100,
    }).optional(),
    shared: count({
      description:
        'So many of the replicas of this gateway probe each instance and tell the others, instead of all of them: at least 2, so that the network of none decides for all. 0: each replica probes all. See docs/traffic.md.',
      default: fallback.shared,
      min: 0,
      max: 16,
    })
      .refine((replicas) => replicas !== 1, 'one replica would decide for all: write 2 or more, or 0 for each its own')
      .optional(),
  })
  .superRefine((set, context) => void oneOf(probeTable, set, context))
  .transform(({ every, everyUnhealthy, everyRising, jitter, timeout, healthy, unhealthy, shared, ...kinds }) => ({
    probe: oneOf(probeTable, kinds, null),
    everyMs: every,
    everyUnhealthyMs: everyUnhealthy,
    everyRisingMs: everyRising,
    jitterRatio: jitter,
    timeoutMs: timeout,
    healthy,
    unhealthy,
    shared,
  }))
  .meta(
    about({
      description: "The gateway's own probes of each instance; at most one kind. Default: a TCP connection.",
      example: { http: '/healthz', every: '5s' },
    }),
  )

const policy = {
  balance: kindOrOptions(balancerTable)
    .optional()
    .meta(
      about({
        description: 'How an instance is chosen: a kind, or a kind with settings.',
        default: builtIn.upstream.balance.kind,
      }),
    ),
  health: health.optional(),
  brake: brake.optional(),
  timeouts: timeouts.optional(),
  retry: retry.optional(),
  deadline: deadline.optional(),
  hedge: hedge.optional(),
  breaker: breaker.optional(),
  concurrency: concurrency.optional(),
  outlier: outlier.optional(),
  zone: zone.optional(),
  backup: backup.optional(),
  panic: percent({
    description:
      'With a smaller share of the instances eligible, those with failing probes, ejected ones and those the registry calls critical are called too: some answers instead of none. 0%: never.',
    default: '0%',
    max: 100,
  }).optional(),
  slowStart: durationOrOff({
    description:
      'For so long the weight of an instance that becomes eligible grows, from a tenth to its own; 0: it has it at once.',
    default: 0,
    example: '30s',
    maxMs: 3_600_000,
  }).optional(),
  maxConnections: count({
    description: 'Open connections per instance at the most; more requests wait.',
    default: builtIn.upstream.maxConnections,
    min: 1,
    max: 65_535,
  }).optional(),
  maxQueued: count({
    description: 'Requests that may wait for a connection, per instance; more are answered with 503.',
    default: builtIn.upstream.maxQueued,
    min: 0,
    max: 1_000_000,
  }).optional(),
  warmConnections: count({
    description:
      'Connections per instance that are opened before they are asked for, and again when they end, so that no request waits for one after a pause. 0: none.',
    default: builtIn.upstream.warmConnections,
    min: 0,
    max: 1_000,
  }).optional(),
  pipelining: count({
    description:
      'GET, HEAD and OPTIONS requests that may be under way on one connection: those that come together leave together, which is cheaper, and wait for each other, up to a quarter of a second. 1: none waits behind another. An instance that cannot do it gets one at a time.',
    default: builtIn.upstream.pipelining,
    min: 1,
    max: 32,
  }).optional(),
}

const address = targetAddress({ description: 'Host and port.', example: '10.0.0.5:8080' })

const instance = z.union([
  address.transform((target): StaticInstance => ({ address: target, weight: 1, tags: [], meta: {} })),
  z
    .strictObject({
      address,
      weight: count({
        description: 'Its part of the traffic, in relation to the others.',
        default: 1,
        min: 1,
        max: 65_535,
      }).default(1),
      tags: z
        .array(z.string().min(1))
        .default([])
        .meta(about({ description: 'Tags, as the registry has them. Default: none.', example: ['backup'] })),
      meta: z
        .record(z.string().min(1), z.string())
        .default({})
        .meta(about({ description: 'Meta, as the registry has it. Default: none.', example: { zone: 'eu-1a' } })),
    })
    .meta(about({ description: 'An address with what the registry would tell of it.', example: { address: '10.0.0.5:8080' } })),
])

const instances = z
  .array(instance)
  .min(1, 'names no instance: write at least one host:port, or take the line out to ask the registry')
  .superRefine((all, context) =>
    refuseRepeated<StaticInstance>(
      all,
      ({ address: target }) => formatAddress(target),
      context,
      (at) => [at],
    ),
  )
  .meta(
    about({ description: 'Fixed addresses instead of a service of the registry.', example: ['10.0.0.5:8080', '10.0.0.6:8080'] }),
  )

export const defaults = z.strictObject(policy).meta(
  about({
    description: 'Policies of every upstream, where the upstream or the route says nothing else.',
    example: { timeouts: { response: '15s' } },
  }),
)

export const upstream = z
  .strictObject({
    service: name({ description: 'Service of the registry. Default: the name of the upstream.', example: 'shop' }).optional(),
    instances: instances.optional(),
    ...policy,
  })
  .superRefine(({ service, instances }, context) => {
    if (service !== undefined && instances) {
      context.addIssue({ code: 'custom', path: ['instances'], message: 'there is a service too: take one of the two out' })
    }
  })
  .meta(about({ description: 'How a service is called.', example: { balance: 'least-requests' } }))

/** Policies as one level sets them; what is not set comes from the level above. */
export type UpstreamSettings = z.output<typeof defaults>

/** A declared upstream, without its name. */
export type UpstreamDeclaration = z.output<typeof upstream>
