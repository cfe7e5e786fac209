import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldOf } from '../../../src/http1/field.ts'
import { ask, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

function respondedWith(kind: string, options: unknown, headers: string[]): string[] {
  const response = { status: 200, headers }
  filterOf(kind, options).onResponse?.(response, requestHead({ requestId: 'r-9' }))
  return response.headers
}

describe('security headers', () => {
  it('are the harmless ones unless more is written', () => {
    assert.deepEqual(respondedWith('securityHeaders', {}, ['server', 'nginx/1.1', 'X-Powered-By', 'PHP', 'A', 'b']), [
      'A',
      'b',
      'X-Content-Type-Options',
      'nosniff',
      'X-Frame-Options',
      'DENY',
      'Referrer-Policy',
      'strict-origin-when-cross-origin',
    ])
  })

  it('can all be set and left out', () => {
    const none = { contentTypeOptions: false, frame: null, referrer: null, remove: [] }
    assert.deepEqual(respondedWith('securityHeaders', none, ['Server', 'x']), ['Server', 'x'])
    const hsts = { maxAge: '1d', subdomains: true, preload: true }
    const all = {
      ...none,
      hsts,
      contentSecurityPolicy: "default-src 'self'",
      permissions: 'camera=()',
      openerPolicy: 'same-origin',
    }
    assert.deepEqual(respondedWith('securityHeaders', all, []), [
      'Strict-Transport-Security',
      'max-age=86400; includeSubDomains; preload',
      'Content-Security-Policy',
      "default-src 'self'",
      'Permissions-Policy',
      'camera=()',
      'Cross-Origin-Opener-Policy',
      'same-origin',
    ])
  })

  it('leave what the service says, unless they are to replace it', () => {
    const said = ['x-frame-options', 'SAMEORIGIN']
    assert.equal(fieldOf(respondedWith('securityHeaders', {}, [...said]), 'x-frame-options'), 'SAMEORIGIN')
    assert.equal(fieldOf(respondedWith('securityHeaders', { replace: true }, [...said]), 'x-frame-options'), 'DENY')
  })

  it('cannot be used to write other fields', () => {
    for (const value of ['a\r\nSet-Cookie: x', 'a\nb', '', 'ü€'])
      assert.throws(() => filterOf('securityHeaders', { contentSecurityPolicy: value }), JSON.stringify(value))
  })
})

describe("a request's id", () => {
  it('is told to the client, whatever the service says it is', () => {
    assert.deepEqual(respondedWith('requestId', {}, ['x-request-id', 'other']), ['x-request-id', 'r-9'])
    assert.deepEqual(respondedWith('requestId', { response: null }, []), [])
  })

  it('is told to the service under one more name, whatever the client says it is', async () => {
    const request = requestHead({ requestId: 'r-9', headers: ['x-correlation-id', 'spoofed'] })
    await ask(filterOf('requestId', { request: 'X-Correlation-Id' }), request)
    assert.deepEqual(request.headers, ['x-correlation-id', 'r-9'])
  })

  it('is not written into a field of the connection', () => {
    assert.throws(() => filterOf('requestId', { response: 'Content-Length' }), /belongs to the connection/)
    assert.throws(() => filterOf('requestId', { request: 'Host' }))
    assert.throws(() => filterOf('requestId', { request: 'X-Forwarded-For' }), /written by the gateway/)
  })
})
