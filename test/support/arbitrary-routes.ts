import * as fc from 'fast-check'
import type { RouteMatch } from '../../src/dataplane/router/route-match.ts'

// Few names, so that routes and requests meet often.
const segment = fc.constantFrom('a', 'b', '')
const segments = fc.array(segment, { minLength: 1, maxLength: 3 })
const path = segments.map((parts) => `/${parts.join('/')}`)
const template = fc.array(fc.constantFrom('a', 'b', '{}'), { minLength: 1, maxLength: 3 }).map((parts) => {
  let count = 0
  return `/${parts.map((part) => (part === '{}' ? `{p${count++}}` : part)).join('/')}`
})
const pattern = fc.oneof(
  path,
  template,
  path.filter((text) => text !== '/').map((text) => `${text}/*`),
  fc.constantFrom('~^/a', '~^/[ab]/b$', '~^/.*b', '/*'),
)
const pair = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2'), { maxKeys: 2 })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
/** What a route may take. */
export const anyMatch: fc.Arbitrary<RouteMatch> = fc.record({
  host: optional(fc.constantFrom('a.test', 'b.test', '*.test', '*.a.test')),
  path: optional(pattern),
  methods: optional(fc.subarray(['GET', 'HEAD', 'POST'])),
  headers: optional(pair),
  query: optional(pair),
  priority: optional(fc.constantFrom(0, 0, 1)),
})

/** The parts of a request head that routing looks at. */
export const anyRequest = fc.record({
  host: fc.constantFrom('a.test', 'b.test', 'c.test', 'x.a.test', 'test'),
  path,
  method: fc.constantFrom('GET', 'HEAD', 'POST'),
  headers: pair.map((fields) => Object.entries(fields).flat()),
  query: pair.map((fields) => (Object.keys(fields).length === 0 ? '' : `?${new URLSearchParams(fields).toString()}`)),
})
