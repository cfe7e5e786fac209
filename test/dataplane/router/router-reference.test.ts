import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { RequestHead } from '../../../src/dataplane/exchange.ts'
import type { RouteMatch } from '../../../src/dataplane/router/route-match.ts'
import { compileRouter } from '../../../src/dataplane/router/router.ts'
import { requestHead } from '../../support/request-head.ts'
import { anyMatch, anyRequest } from '../../support/arbitrary-routes.ts'

interface NamedRoute {
  readonly name: string
  readonly match: RouteMatch
}

describe('the compiled router', () => {
  it('finds what a scan over all routes in order of specificity finds', () => {
    fc.assert(
      fc.property(
        fc.array(anyMatch, { maxLength: 12 }),
        fc.array(anyRequest, { minLength: 1, maxLength: 8 }),
        (matches, requests) => {
          const routes = matches.map((routeMatch, i) => ({ name: `r${i}`, match: routeMatch }))
          const router = compileRouter(routes)
          for (const parts of requests) {
            const head = requestHead(parts)
            assert.equal(router.find(head)?.name, scan(routes, head)?.name, JSON.stringify({ routes, parts }))
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

/** The rule of the config page, as plainly as it can be written. */
function scan(routes: readonly NamedRoute[], head: RequestHead): NamedRoute | undefined {
  const taking = routes.filter((route) => takes(route.match, head))
  return taking.map((route) => ({ route, rank: rankOf(route.match) })).toSorted((a, b) => compareRanks(a.rank, b.rank))[0]?.route
}

function takes(match: RouteMatch, head: RequestHead): boolean {
  const methods = match.methods ?? []
  const byMethod = methods.length === 0 || methods.includes(head.method) || (head.method === 'HEAD' && methods.includes('GET'))
  const fields = new Headers(
    Array.from({ length: head.headers.length / 2 }, (_, i) => [head.headers[2 * i] ?? '', head.headers[2 * i + 1] ?? '']),
  )
  const byFields = Object.entries(match.headers ?? {}).every(([name, value]) => fields.get(name) === value)
  const byQuery = Object.entries(match.query ?? {}).every(([name, value]) => new URLSearchParams(head.query).get(name) === value)
  return byMethod && byFields && byQuery && takesHost(match.host, head.host) && pathRegex(match.path ?? '/*').test(head.path)
}

function takesHost(pattern: string | undefined, host: string): boolean {
  if (pattern === undefined) return true
  return pattern.startsWith('*') ? host.includes('.') && host.replace(/^[^.]+/, '*') === pattern : host === pattern
}

function pathRegex(path: string): RegExp {
  if (path.startsWith('~')) return new RegExp(path.slice(1))
  if (path === '/*') return /^/
  if (path.endsWith('/*')) return new RegExp(`^${path.slice(0, -2)}(/|$)`)
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

/** Smaller wins, from the left. */
function rankOf(match: RouteMatch): readonly number[] {
  const path = match.path ?? '/*'
  const methods = match.methods?.length ? 1 : 0
  const predicates = methods + Object.keys(match.headers ?? {}).length + Object.keys(match.query ?? {}).length
  const host = match.host === undefined ? 2 : Number(match.host.startsWith('*'))
  return [-(match.priority ?? 0), host, ...rankOfPath(path), -predicates]
}

function rankOfPath(path: string): readonly [number, number] {
  if (path === '/*') return [4, 0]
  if (path.startsWith('~')) return [3, 0]
  if (path.endsWith('/*')) return [2, -path.split('/').length]
  if (!path.includes('{')) return [0, 0]
  // Named segments as binary digits, the first the most significant.
  return [
    1,
    Number.parseInt(
      path
        .slice(1)
        .split('/')
        .map((part) => (part.startsWith('{') ? '1' : '0'))
        .join(''),
      2,
    ),
  ]
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  return a.map((value, i) => value - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0
}
