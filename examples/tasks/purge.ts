// A task of one's own: tells a service to drop what is old, and remembers in KV how far it came.
// In the config: tasks: [{ name: purge, cron: "0 4 * * *", module: { file: ./examples/tasks/purge.ts, options: { service: images, olderThan: 30d } } }]
import type { UserTaskKind } from 'meshgate/task'

interface Options {
  readonly service: string
  readonly olderThan: string
}

export const task: UserTaskKind<Options> = {
  options: {
    parse: (value) => {
      const { service, olderThan } = (value ?? {}) as Partial<Options>
      if (typeof service !== 'string' || typeof olderThan !== 'string')
        throw new Error('write service: images and olderThan: 30d')
      return { service, olderThan }
    },
  },
  plan: ({ service, olderThan }) => `has ${service} drop what is older than ${olderThan}`,
  run: async ({ service, olderThan }, { call, kv, task: name, fireTime }) => {
    const { status } = await call({ method: 'DELETE', service, path: `/old?than=${encodeURIComponent(olderThan)}` })
    if (status >= 300) throw new Error(`${service} answered ${status}`)
    await kv.put(`purged/${name}`, fireTime.toISOString())
    return `${service} has dropped what is older than ${olderThan}`
  },
}
