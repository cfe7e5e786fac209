import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { ask, filterOf } from '../../support/filter.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { sendRaw } from '../../support/raw-socket.ts'
import { requestHead } from '../../support/request-head.ts'

function rewrite(options: unknown, path: string): string {
  const request = requestHead({ path, query: '?a=1' })
  void ask(filterOf('rewritePath', options), request)
  assert.equal(request.query, '?a=1')
  return request.path
}

describe('a rewritten path', () => {
  it('loses the folder in front, on a segment boundary', () => {
    assert.equal(rewrite({ strip: '/api' }, '/api/x'), '/x')
    assert.equal(rewrite({ strip: '/api' }, '/api/'), '/')
    assert.equal(rewrite({ strip: '/api' }, '/api'), '/')
    assert.equal(rewrite({ strip: '/api/v1' }, '/api/v1/x/y'), '/x/y')
  })

  it('stays as it is when it is not below the folder', () => {
    assert.equal(rewrite({ strip: '/api' }, '/apis/x'), '/apis/x')
    assert.equal(rewrite({ strip: '/api' }, '/x/api'), '/x/api')
  })

  it('gets a folder in front', () => {
    assert.equal(rewrite({ prefix: '/v2' }, '/x'), '/v2/x')
    assert.equal(rewrite({ prefix: '/v2' }, '/'), '/v2/')
  })

  it('loses one folder and gets another', () => {
    assert.equal(rewrite({ strip: '/api', prefix: '/v2' }, '/api/x'), '/v2/x')
    assert.equal(rewrite({ strip: '/api', prefix: '/v2' }, '/api'), '/v2')
  })

  it('needs folders in normal form, and at least one', () => {
    for (const folder of ['api', '/', '/api/', '', '/a?b', '/a b', '/a/../b', '/%61', '/a%2f', '/é', '/a\\b']) {
      assert.throws(() => rewrite({ strip: folder }, '/'), folder)
      assert.throws(() => rewrite({ prefix: folder }, '/'), folder)
    }
    assert.throws(() => rewrite({}, '/'), /needs strip, prefix or both/)
  })
})

describe('a path that wants to be more than a path', () => {
  const fixture = dataPlaneFixture()

  for (const [target, expected] of [
    ['/api/%0d%0aX-Evil:%201', '/%0D%0AX-Evil:%201'],
    ['/api/%0aHost:%20evil.example', '/%0AHost:%20evil.example'],
    ['/api/a%20HTTP/1.1', '/a%20HTTP/1.1'],
    ['/api/..%2f..%2fadmin', '/..%2F..%2Fadmin'],
    ['/api/x?y=%0d%0aX-Evil:%201', '/x?y=%0d%0aX-Evil:%201'],
  ] as const) {
    it(`reaches the service as one line without what it wants to add: ${target}`, async () => {
      const seen: unknown[] = []
      const plane = await filteredPlane(fixture, [filterOf('rewritePath', { strip: '/api' })], {
        answer: ({ url, headers }, response) => {
          seen.push([url, headers['x-evil'], headers.host])
          response.end()
        },
      })
      await sendRaw(plane.port, `GET ${target} HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n`)
      assert.deepEqual(seen, [[expected, undefined, 'good.example']])
    })
  }
})
