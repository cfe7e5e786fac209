import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldOf } from '../../../src/http1/field.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

const from = (origin: string, parts: Parameters<typeof requestHead>[0] = {}) =>
  requestHead({ ...parts, headers: ['Origin', origin] })
const preflight = (origin: string) =>
  requestHead({ method: 'OPTIONS', headers: ['Origin', origin, 'Access-Control-Request-Method', 'PUT'] })
const app = 'https://app.example.com'

async function allowedOrigin(options: object, origin: string): Promise<string | undefined> {
  const { headers } = await answerOf(filterOf('cors', options), from(origin))
  return fieldOf(headers, 'access-control-allow-origin')
}

describe('CORS', () => {
  it('lets pages of the listed origins read answers, and says that it depends on the origin', async () => {
    const { headers } = await answerOf(filterOf('cors', { origins: [app], credentials: true, expose: ['ETag'] }), from(app))
    assert.deepEqual(headers, [
      'Vary',
      'Origin',
      'Access-Control-Allow-Origin',
      app,
      'Access-Control-Allow-Credentials',
      'true',
      'Access-Control-Expose-Headers',
      'ETag',
    ])
    assert.deepEqual((await answerOf(filterOf('cors', { origins: [app] }), requestHead())).headers, ['Vary', 'Origin'])
  })

  it('says * for everybody, without credentials', async () => {
    const { headers } = await answerOf(filterOf('cors', { origins: ['*'] }), from('https://anybody.test'))
    assert.deepEqual(headers, ['Access-Control-Allow-Origin', '*'])
  })

  it('answers a preflight by itself, without asking the service', async () => {
    const filter = filterOf('cors', { origins: [app], methods: ['GET', 'PUT'], headers: ['X-Tenant'], maxAge: '10m' })
    assert.deepEqual(await answerOf(filter, preflight(app)), {
      status: 204,
      headers: [
        'Vary',
        'Origin',
        'Access-Control-Allow-Origin',
        app,
        'Access-Control-Allow-Methods',
        'GET, PUT',
        'Access-Control-Allow-Headers',
        'X-Tenant',
        'Access-Control-Max-Age',
        '600',
      ],
    })
    assert.deepEqual(await answerOf(filter, preflight('https://evil.test')), { status: 204, headers: ['Vary', 'Origin'] })
  })

  it('leaves an OPTIONS that is no preflight to the service', async () => {
    const { status } = await answerOf(filterOf('cors', { origins: [app] }), from(app, { method: 'OPTIONS' }))
    assert.equal(status, 200)
  })

  it('is fooled by no origin that only looks like a listed one', async () => {
    const origins = [app, 'https://*.shop.test', 'http://localhost:3000']
    for (const good of [app, 'https://a.shop.test', 'https://a-1.shop.test', 'http://localhost:3000'])
      assert.equal(await allowedOrigin({ origins }, good), good)
    for (const bad of [
      'null',
      '',
      'https://app.example.com.evil.test',
      'https://evil.test/app.example.com',
      'http://app.example.com',
      'https://app.example.com:8443',
      'https://APP.example.com',
      'https://shop.test',
      'https://.shop.test',
      'https://a.b.shop.test',
      'https://evil.test/.shop.test',
      'https://evil.test?.shop.test',
      'https://evil.test#.shop.test',
      'https://user@.shop.test',
      'https://evil-shop.test',
      'http://localhost:3001',
      '*',
    ])
      assert.equal(await allowedOrigin({ origins }, bad), undefined, bad)
  })

  it('replaces what the service says of it', async () => {
    const filter = filterOf('cors', { origins: [app] })
    const response = {
      status: 200,
      headers: ['Access-Control-Allow-Origin', '*', 'Access-Control-Allow-Credentials', 'true', 'Vary', 'Accept'],
    }
    filter.onResponse?.(response, from('https://evil.test'))
    assert.deepEqual(response.headers, ['Vary', 'Accept, Origin'])
  })

  it('is refused with credentials and a star, and with what is no origin', () => {
    assert.throws(() => filterOf('cors', { origins: ['*'], credentials: true }), /every page could act as the user/)
    assert.throws(() => filterOf('cors', { origins: [app, '*'], credentials: true }), /every page could act as the user/)
    assert.throws(() => filterOf('cors', { origins: [app], headers: ['*'], credentials: true }), /every page/)
    for (const origin of [
      'null',
      'app.example.com',
      `${app}/`,
      `${app}/x`,
      'https://',
      'https://*',
      'ftp://x',
      'https://A.b',
      'https://a b',
      'https://a\r\nb',
      'https://*.*.x',
    ])
      assert.throws(() => filterOf('cors', { origins: [origin] }), JSON.stringify(origin))
    assert.throws(() => filterOf('cors', { origins: [app], headers: ['X\r\nSet-Cookie'] }))
  })
})
