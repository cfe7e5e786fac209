import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ask, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

const create = (options: unknown) => filterOf('setHeaders', options)

describe('header fields by config', () => {
  it('replace, add and remove fields of the request', () => {
    const request = requestHead({ headers: ['X-Tenant', 'a', 'X-Debug', '1', 'Accept', '*/*', 'x-tenant', 'b'] })
    void ask(create({ request: { 'x-tenant': 'acme', 'X-DEBUG': null, 'X-New': '' } }), request)
    assert.deepEqual(request.headers, ['X-Tenant', 'acme', 'Accept', '*/*', 'X-New', ''])
  })

  it('replace, add and remove fields of the response', () => {
    const response = { status: 200, headers: ['X-Powered-By', 'x', 'Server', 'y'] }
    create({ response: { 'x-powered-by': null, server: 'us' } }).onResponse?.(response, requestHead())
    assert.deepEqual(response.headers, ['Server', 'us'])
  })

  for (const name of ['Connection', 'content-length', 'Transfer-Encoding', 'TE', 'Upgrade', 'Trailer', 'Keep-Alive', 'Expect']) {
    it(`never touch ${name}, which belongs to the connection`, () => {
      assert.throws(() => create({ request: { [name]: 'x' } }), /belongs to the connection/)
      assert.throws(() => create({ response: { [name]: null } }), /belongs to the connection/)
    })
  }

  it('never touch Host and the forwarding fields of a request, which the gateway writes', () => {
    assert.throws(() => create({ request: { Host: 'x' } }), /as the client wrote it/)
    for (const name of ['X-Forwarded-For', 'x_forwarded_proto', 'Forwarded', 'X-Request-Id']) {
      assert.throws(() => create({ request: { [name]: 'x' } }), /written by the gateway/)
    }
  })

  it('have names and values that fit on one line', () => {
    for (const name of ['', 'x y', 'x:', 'x\r\n', 'é'])
      assert.throws(() => create({ request: { [name]: 'x' } }), /not a header name/, JSON.stringify(name))
    for (const value of ['a\r\nb', 'a\nb', 'a\0', '\x7f', '日', 7, true])
      assert.throws(() => create({ response: { x: value } }), JSON.stringify(value))
    assert.ok(create({ response: { x: 'a\té' } }))
  })
})
