import { z } from 'zod'
import { formatDurationMs } from '../../durations.ts'
import { builtIn } from '../built-in.ts'
import type { ColdConfig } from '../config.ts'
import { about, bindAddress, duration } from './scalars.ts'

export const defaultAdminBind = '127.0.0.1:8081'

export const admin = z
  .strictObject({
    bind: bindAddress({
      description: 'Address of the admin API and the metrics. It has no login: keep it on loopback or in a private network.',
      default: defaultAdminBind,
    }),
  })
  .meta(about({ description: 'The admin API. Needs a restart.', example: { bind: defaultAdminBind } }))

const folder = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/

export const kv = z
  .strictObject({
    prefix: z
      .string()
      .regex(folder, 'a prefix has letters, digits, "-", "_", "." and "/" inside: write gateway')
      .meta(
        about({
          description:
            'Folder of our keys in KV: `PREFIX/routes/NAME`, `PREFIX/upstreams/NAME`, `PREFIX/tasks/NAME` and `PREFIX/splits/ROUTE` are followed.',
          default: 'gateway',
        }),
      ),
  })
  .meta(about({ description: 'Config in the KV store of the registry. Needs a restart.', example: { prefix: 'gateway' } }))

export const workers = z
  .union([z.int().min(1).max(256), z.literal('auto')], 'write how many processes serve, 1 to 256, or auto for one per core')
  .meta(
    about({
      description:
        'Processes that serve, for more than one core; `auto`: one per core. Each costs memory and counts for itself: docs/workers.md tells what that means for limits. Needs a restart.',
      default: builtIn.workers,
      example: 'auto',
    }),
  )

export const shutdown = z
  .strictObject({
    grace: duration({
      description: 'From "not ready" to the end of accepting: give the load balancer in front time to see it.',
      default: formatDurationMs(builtIn.shutdown.graceMs),
      minMs: 0,
      maxMs: 600_000,
    }).optional(),
    drain: duration({
      description: 'Time for requests under way to end; then they are cut. Also of upstreams that leave the config.',
      default: formatDurationMs(builtIn.shutdown.drainMs),
      minMs: 0,
      maxMs: 3_600_000,
    }).optional(),
  })
  .transform(({ grace, drain }): ColdConfig['shutdown'] => ({
    graceMs: grace ?? builtIn.shutdown.graceMs,
    drainMs: drain ?? builtIn.shutdown.drainMs,
  }))
  .meta(about({ description: 'What happens on SIGTERM. Needs a restart.', example: { drain: '30s' } }))

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
const formats = ['auto', 'json', 'text'] as const

export const log = z
  .strictObject({
    level: z
      .enum(levels)
      .optional()
      .meta(about({ description: 'The least important lines that are written.', default: 'info' })),
    format: z
      .enum(formats)
      .optional()
      .meta(
        about({
          description: '`json`: a line of JSON each; `text`: for people; `auto`: text on a terminal, else JSON.',
          default: 'auto',
        }),
      ),
    access: z
      .boolean()
      .optional()
      .meta(about({ description: 'Whether each request gets a line, whatever `level` is but `silent`.', default: false })),
  })
  .transform(({ level, format, access }): ColdConfig['log'] => ({
    level: level ?? 'info',
    format: format ?? 'auto',
    access: access ?? false,
  }))
  .meta(about({ description: 'The log, on stdout. Needs a restart.', example: { level: 'info' } }))
