import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { ServiceConfig } from '../config.ts'
import { about, duration, name, portNumber, refuseRepeated } from './scalars.ts'

const check = z
  .strictObject({
    http: z
      .string()
      .regex(/^\/[!-~]*$/, 'a path starts with "/" and has no blanks: write /healthz')
      .optional()
      .meta(about({ description: 'Path that the registry asks for; anything but 2xx is critical.', example: '/healthz' })),
    tcp: z
      .strictObject({})
      .optional()
      .meta(about({ description: 'The registry opens a connection. It has no settings.', example: {} })),
    every: duration({
      description: 'From one check to the next.',
      default: formatDurationMs(builtIn.check.everyMs),
      minMs: 1_000,
    }).optional(),
    timeout: duration({
      description: 'Time for the answer.',
      default: formatDurationMs(builtIn.check.timeoutMs),
      maxMs: 600_000,
    }).optional(),
  })
  .superRefine(({ http, tcp }, context) => {
    if (http !== undefined && tcp)
      context.addIssue({ code: 'custom', path: ['tcp'], message: 'there is an http check too: take one of the two out' })
    if (http === undefined && !tcp) context.addIssue('names no check: write http: /healthz or tcp: {}')
  })
  .transform(({ http, every, timeout }): NonNullable<ServiceConfig['check']> => ({
    kind: http === undefined ? 'tcp' : 'http',
    path: http ?? '',
    everyMs: every ?? builtIn.check.everyMs,
    timeoutMs: timeout ?? builtIn.check.timeoutMs,
  }))
  .meta(about({ description: "The registry's check of it. Default: none, it counts as passing.", example: { http: '/healthz' } }))

/** One instance with its check. */
export const service = z
  .strictObject({
    name: name({ description: 'Name of the service.', example: 'reports' }),
    id: name({ description: 'Id of this instance, unique in the registry. Default: the name.', example: 'reports-1' }).optional(),
    address: z
      .string()
      .regex(/^[^\s/]+$/, 'an address is a host name or IP address without port: write 10.0.0.5')
      .optional()
      .meta(about({ description: 'Host name or IP address of the instance.', default: '127.0.0.1' })),
    port: portNumber({ description: 'Port of the instance.', example: 9090 }),
    tags: z
      .array(z.string())
      .optional()
      .meta(about({ description: 'Tags for people and tools.', example: ['v1'] })),
    meta: z
      .record(z.string(), z.string())
      .optional()
      .meta(about({ description: 'Metadata, text by name.', example: { zone: 'a' } })),
    check: check.optional(),
  })
  .transform(({ name, id, address, port, tags, meta, check }): ServiceConfig => ({
    name,
    id: id ?? name,
    address: { host: address ?? '127.0.0.1', port },
    tags: tags ?? [],
    meta: meta ?? {},
    check: check ?? null,
  }))
  .meta(about({ description: 'One instance of a service.', example: { name: 'reports', port: 9090 } }))

export const services = z
  .array(service)
  .superRefine((all, context) =>
    refuseRepeated(
      all,
      ({ id }) => id,
      context,
      (at) => [at, 'id'],
    ),
  )
  .meta(
    about({
      description:
        'Instances that the gateway registers while it runs, for programs that do not register themselves. Needs a restart.',
      example: [{ name: 'reports', port: 9090 }],
    }),
  )
