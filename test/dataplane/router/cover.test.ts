import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { covers } from '../../../src/dataplane/router/cover.ts'
import type { RouteMatch } from '../../../src/dataplane/router/route-match.ts'
import { tryRoute } from '../../../src/dataplane/router/trial.ts'
import { requestHead } from '../../support/request-head.ts'
import { anyMatch, anyRequest } from '../../support/arbitrary-routes.ts'

/** Half of them without what makes them rarely meet a request. */
const match = fc
  .tuple(anyMatch, fc.boolean())
  .map(([all, isPlain]): RouteMatch => (isPlain ? { host: all.host, path: all.path } : all))

describe('a match that covers another', () => {
  it('takes every request that the other takes', () => {
    const counts = { covered: 0, taken: 0 }
    fc.assert(
      fc.property(match, match, fc.array(anyRequest, { minLength: 1, maxLength: 8 }), (wide, narrow, requests) => {
        if (!covers(wide, narrow)) return
        counts.covered++
        for (const request of requests.map(requestHead)) {
          if (!tryRoute(narrow, request).takes) continue
          counts.taken++
          assert.ok(tryRoute(wide, request).takes, JSON.stringify({ wide, narrow, request }))
        }
      }),
      { numRuns: 4_000 },
    )
    assert.ok(counts.covered > 20 && counts.taken > 20, `too little was tried: ${JSON.stringify(counts)}`)
  })

  it('is told from one that only looks like it', () => {
    const cases: readonly (readonly [RouteMatch, RouteMatch, boolean])[] = [
      [{ path: '/api/*' }, { path: '/api' }, true],
      [{ path: '/api/*' }, { path: '/apix' }, false],
      [{ path: '/api' }, { path: '/api/*' }, false],
      [{ path: '/api/*' }, { path: '/{any}' }, false],
      [{ path: '/{any}' }, { path: '/api' }, true],
      [{ host: 'a.test' }, {}, false],
      [{ host: '*.test' }, { host: 'a.test' }, true],
      [{ host: '*.test' }, { host: 'a.b.test' }, false],
      [{ host: 'A.test' }, { host: 'a.TEST' }, true],
      [{}, { host: 'a.test', path: '/x' }, true],
    ]
    for (const [wide, narrow, expected] of cases) assert.equal(covers(wide, narrow), expected, JSON.stringify({ wide, narrow }))
  })
})
