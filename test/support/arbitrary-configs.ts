import * as fc from 'fast-check'
import { balancerTable } from '../../src/dataplane/balancer/table.ts'
import type { Exclusion, MemberUpdate } from '../../src/dataplane/upstream/members.ts'
import { anyMatch, anyRequest } from './arbitrary-routes.ts'

const service = fc.constantFrom('one', 'two', 'three')
const where = fc.option(fc.constantFrom({ version: 'v1' }, { version: 'v2' }), { nil: undefined })
const share = fc.record({ upstream: service, where, weight: fc.constantFrom(0, 1, 5, 95) })

/** One time out of six. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

const filter = fc.oneof(
  fc.constantFrom(
    { rewritePath: { prefix: '/up' } },
    { rewritePath: { strip: '/a' } },
    // What a split, a cookie or a balancer may look at.
    { setHeaders: { request: { 'x-user': 'fixed' } } },
    { setHeaders: { request: { 'x-user': null } } },
  ),
  fc.constantFrom({ setHeaders: { response: { 'x-served': 'yes' } } }, { compress: {} }, { securityHeaders: {} }),
)
const reply = fc.constantFrom({ respond: { status: 418, body: 'no' } }, { redirect: { to: 'https://a.test', status: 308 } })

const route = fc.record({
  // Often one that takes much, so that most requests have a route.
  match: fc.oneof(anyMatch, fc.record({ path: fc.constantFrom('/*', '/a/*', '/b/*') })),
  filters: fc.tuple(fc.array(filter, { maxLength: 3 }), seldom(reply)).map(([steps, end]) => (end ? [...steps, end] : steps)),
  to: fc.uniqueArray(share, {
    minLength: 1,
    maxLength: 3,
    selector: ({ upstream, where: part }) => `${upstream} ${part?.version}`,
  }),
  split: fc.option(fc.constantFrom({ by: 'header x-user' }, { force: ['header x-to'] }), { freq: 2, nil: undefined }),
  sticky: fc.option(fc.constant({ cookie: 'uid' }), { freq: 3, nil: undefined }),
  timeouts: fc.option(fc.constant({ response: '3s' }), { nil: undefined }),
})

const kinds = Object.keys(balancerTable)
const upstream = fc.record({ balance: fc.constantFrom(...kinds, { consistentHash: { by: 'header x-user' } }) })

/** A config file as a value: JSON is YAML. Some are refused, for routes that take the same. */
export const anyConfig = fc
  .record({
    routes: fc.array(route, { minLength: 1, maxLength: 6 }),
    upstreams: fc.record({ one: upstream, two: upstream, three: upstream }),
  })
  .map(({ routes, upstreams }) => ({
    listeners: { web: { bind: '127.0.0.1:0', trust: ['127.0.0.1'] } },
    routes: routes.map((parts, at) => ({ name: `r${at}`, ...parts })),
    upstreams,
  }))

const exclusion = seldom(fc.constantFrom<Exclusion>('unprobed', 'probe_failing', 'maintenance', 'draining'))

/** Instances at these ports, some of them fit. */
export function anyMembers(ports: readonly number[]): fc.Arbitrary<readonly MemberUpdate[]> {
  const member = fc.record({ weight: fc.constantFrom(1, 1, 3), exclusion, version: fc.constantFrom('v1', 'v2') })
  const members = fc.array(member, { maxLength: ports.length })
  return members.map((all) =>
    all.map(({ version, ...rest }, at) => ({
      id: `i${at}`,
      address: { host: '127.0.0.1', port: ports[at] ?? 0 },
      meta: { version },
      ...rest,
    })),
  )
}

/** A request as a client sends it. */
export interface Visit {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
}

const fields = fc.dictionary(
  fc.constantFrom('x', 'y', 'x-user', 'x-to', 'x-forwarded-for'),
  fc.constantFrom('1', '2', 'one', 'two'),
  {
    maxKeys: 4,
  },
)

export const anyVisit: fc.Arbitrary<Visit> = fc
  .record({ head: anyRequest, headers: fields })
  .map(({ head: { method, host, path, query }, headers }) => ({ method, host, path, query, headers }))
