import { z } from 'zod'
import type { ListenerLimits } from '../../dataplane/limits.ts'
import { isForwardingField, trustProblem } from '../../dataplane/http/forwarded.ts'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { ListenerConfig } from '../config.ts'
import { about, bindAddress, byteRateOrOff, count, duration, durationOrOff, named, size } from './scalars.ts'

const fallback = builtIn.limits

const limits = z
  .strictObject({
    head: size({
      description: 'Size of a request head at the most; larger is answered with 431.',
      default: '16KiB',
      minBytes: 1024,
      maxBytes: 1024 ** 2,
    }).optional(),
    headers: count({
      description: 'Fields in a request head at the most.',
      default: fallback.headerCount,
      min: 10,
      max: 2_000,
    }).optional(),
    firstByteTimeout: duration({
      description:
        'Time for the first byte on a new connection. Longer where clients or load balancers open connections in advance.',
      default: formatDurationMs(fallback.firstByteTimeoutMs),
      maxMs: 3_600_000,
    }).optional(),
    headTimeout: duration({
      description: 'Time for the head of a request to arrive, from its first byte.',
      default: formatDurationMs(fallback.headTimeoutMs),
      maxMs: 600_000,
    }).optional(),
    requestTimeout: durationOrOff({
      description:
        'Time for a whole request to arrive, body included; 0 is no limit. Set it where clients may not upload for long.',
      default: fallback.requestTimeoutMs,
      example: '5m',
    }).optional(),
    bodyRate: byteRateOrOff({
      description:
        'Rate at which a request body has to arrive at the least, while somebody reads it; it may fall behind by a minute. Slower is answered with 408; 0 is no limit.',
      default: `${fallback.bodyBytesPerSecond}B/s`,
      maxBytes: 1024 ** 2,
    }).optional(),
    keepAlive: duration({
      description: 'How long a connection without a request stays open. Keep it above that of a load balancer in front.',
      default: formatDurationMs(fallback.keepAliveMs),
      maxMs: 3_600_000,
    }).optional(),
    connections: count({
      description: 'Open connections at the most; more are closed at once.',
      default: fallback.connections,
      min: 1,
      max: 1_000_000,
    }).optional(),
  })
  .transform((set): ListenerLimits => ({
    headBytes: set.head ?? fallback.headBytes,
    headerCount: set.headers ?? fallback.headerCount,
    firstByteTimeoutMs: set.firstByteTimeout ?? fallback.firstByteTimeoutMs,
    headTimeoutMs: set.headTimeout ?? fallback.headTimeoutMs,
    requestTimeoutMs: set.requestTimeout ?? fallback.requestTimeoutMs,
    bodyBytesPerSecond: set.bodyRate ?? fallback.bodyBytesPerSecond,
    keepAliveMs: set.keepAlive ?? fallback.keepAliveMs,
    connections: set.connections ?? fallback.connections,
  }))
  .meta(about({ description: 'What a client is granted at the most.' }))

const peer = z
  .string()
  .superRefine((text, context) => {
    const problem = trustProblem(text)
    if (problem !== null) context.addIssue(problem)
  })
  .meta(about({ description: 'An IP address or CIDR block.', example: '10.0.0.0/8' }))

const DEBUG_HEADER = 'x-meshgate-debug'

const debug = z
  .strictObject({
    header: z
      .string()
      .regex(/^[xX]-[A-Za-z0-9-]+$/, 'write a name that begins with x-, of letters, digits and -')
      .refine((name) => !isForwardingField(name), 'is written by the gateway: take another name')
      .optional()
      .meta(
        about({
          description: 'Field of the request that has the token, and of the answer that has the trace.',
          default: DEBUG_HEADER,
        }),
      ),
    token: z
      .string()
      .min(16, 'is too short for a secret: write at least 16 characters')
      .meta(about({ description: 'What a client has to know to see the trace.', example: '${env:DEBUG_TOKEN}' })),
  })
  .meta(
    about({
      description:
        'Requests with the token get in a field of their answer how they went: route, upstream, instance, attempts, and why instances were left out. Default: off.',
    }),
  )

const listener = z
  .strictObject({
    bind: bindAddress({
      description: 'Address and port to listen on; ":8080" is every IPv4 address of the machine.',
      example: ':8080',
    }),
    mode: z
      .enum(['front', 'mesh'])
      .optional()
      .meta(
        about({
          description: '`front` serves the routes; `mesh` serves calls between services, by the name of the service.',
          default: 'front',
        }),
      ),
    trust: z
      .array(peer)
      .optional()
      .meta(
        about({
          description:
            'Proxies in front, whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed. Default: nobody.',
          example: ['10.0.0.0/8'],
        }),
      ),
    limits: limits.optional(),
    proxyStatus: z
      .enum(['off', 'code', 'reason'])
      .optional()
      .meta(
        about({
          description:
            'What replies of the gateway itself tell in `Proxy-Status` (RFC 9209): nothing; the kind of error with our code; or the reason too, with ids, addresses and states of instances: for trusted clients only.',
          default: 'off',
        }),
      ),
    debug: debug.optional(),
  })
  .meta(about({ description: 'An address to serve on, with its limits.', example: { bind: ':8080' } }))

export const listeners = named(listener, {
  description: 'Where clients connect, by a name of your choice (it stands in logs and messages). At least one. Needs a restart.',
  example: { web: { bind: ':8080' } },
})
  .refine((all) => Object.keys(all).length > 0, 'needs at least one listener: write web: { bind: ":8080" }')
  .transform((all): readonly ListenerConfig[] =>
    Object.entries(all).map(([name, { bind, mode, trust, limits, proxyStatus, debug }]) => ({
      name,
      bind,
      mode: mode ?? 'front',
      trust: trust ?? [],
      limits: limits ?? fallback,
      proxyStatus: proxyStatus ?? 'off',
      debug: debug ? { header: debug.header ?? DEBUG_HEADER, token: debug.token } : null,
    })),
  )
