import { z } from 'zod'
import { listeners } from './listeners.ts'
import { machine } from './machine.ts'
import { mesh } from './mesh.ts'
import { admin, kv, log, shutdown, workers } from './process.ts'
import { registeredRoutes } from './registered-routes.ts'
import { registry } from './registry.ts'
import { route } from './route.ts'
import { about, named, refuseRepeated } from './scalars.ts'
import { services } from './services.ts'
import { task } from './task.ts'
import { defaults, upstream } from './upstream.ts'

/** What can change while the gateway runs. */
const hot = {
  defaults: defaults.optional(),
  routes: z
    .array(route)
    .superRefine((all, context) =>
      refuseRepeated(
        all,
        ({ name }) => name,
        context,
        (at) => [at],
      ),
    )
    .optional()
    .meta(
      about({
        description:
          'What goes where. The most specific route wins, whatever the order; two that cannot be told apart are refused.',
        example: ['/hello/* -> hello'],
      }),
    ),
  upstreams: named(upstream, {
    description: 'How services are called, by name. Only needed to change a default, or for fixed addresses.',
    example: { shop: { balance: 'least-requests' } },
  }).optional(),
  mesh: mesh.optional(),
  tasks: z
    .array(task)
    .superRefine((all, context) =>
      refuseRepeated(
        all,
        ({ name }) => name,
        context,
        (at) => [at, 'name'],
      ),
    )
    .optional()
    .meta(
      about({
        description: 'Scheduled work. Each fire runs once in the whole fleet, on the leader.',
        example: [{ name: 'nightly-report', cron: '0 3 * * *', call: 'POST http://reports/run' }],
      }),
    ),
}

/** The config file. */
export const gateway = z
  .strictObject({
    listeners,
    admin: admin.optional(),
    registry: registry.optional(),
    kv: kv.optional(),
    ...hot,
    registeredRoutes: registeredRoutes.optional(),
    services: services.optional(),
    machine: machine.optional(),
    workers: workers.optional(),
    shutdown: shutdown.optional(),
    log: log.optional(),
  })
  .meta({ description: 'The config file of meshgate.', examples: [{ listeners: { web: { bind: ':8080' } } }] })

export type WrittenGateway = z.output<typeof gateway>

/** One file of a revision: what can change while the gateway runs, and nothing else. */
export const revisionFile = z.strictObject(hot).meta({ description: 'One file of a config revision.' })

export type WrittenHot = z.output<typeof revisionFile>
