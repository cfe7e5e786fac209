// A filter of one's own: only known tenants get through, and the service learns the plan of each.
// In the config: filters: [{ module: { file: ./examples/filters/tenant.ts, options: { plans: { acme: gold } } } }]
import type { UserFilterKind } from 'meshgate/filter'

interface Options {
  /** Tenant → plan. */
  readonly plans: Readonly<Record<string, string>>
}

export const filter: UserFilterKind<Options> = {
  options: {
    parse: (value) => {
      const { plans } = (value ?? {}) as Partial<Options>
      if (typeof plans !== 'object' || plans === null) throw new Error('write plans: { acme: gold }')
      return { plans }
    },
  },
  create: ({ plans }, { logger }) => ({
    onRequest: (request) => {
      const at = request.headers.findIndex((part, i) => i % 2 === 0 && part.toLowerCase() === 'x-tenant')
      const tenant = at < 0 ? '' : (request.headers[at + 1] ?? '')
      const plan = Object.hasOwn(plans, tenant) ? plans[tenant] : undefined
      if (plan === undefined) {
        logger.debug({ event: 'tenant.unknown', requestId: request.requestId }, 'a tenant that nobody knows')
        return { status: 403, headers: ['content-type', 'text/plain'], body: 'unknown tenant\n' }
      }
      request.headers.push('X-Plan', plan)
      return undefined
    },
    onResponse: (response) => void response.headers.push('X-Served-By', 'meshgate'),
  }),
}
