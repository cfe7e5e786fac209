import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { SignJWT, UnsecuredJWT } from 'jose'
import { fieldOf } from '../../../src/http1/field.ts'
import { dataPlaneFixture } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'
import { bearing, guard, pair, sign, start, statusOf } from './tokens.ts'

const fixture = dataPlaneFixture()
const secret = 'a secret of at least 32 characters'

const [first, second, rsa] = [pair('ES256', 'k1'), pair('ES256', 'k2'), pair('RS256', 'r1')]

const inline = (options: object = {}) => guard({ keys: [first.jwk, rsa.jwk], ...options })

/** What becomes of a token with these times; `exp: null` is one without an end. */
async function statusAt({ exp, ...claims }: { exp?: number | null; nbf?: number }, options: object = {}): Promise<number> {
  const ending = exp === null ? {} : { exp: exp ?? start + 60 }
  const token = await new SignJWT({ ...claims, ...ending }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(first.privateKey)
  return statusOf(inline({ tolerance: '10s', ...options }), token)
}

function sharing(key: string): Promise<string> {
  return new SignJWT({ exp: start + 60 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(key))
}

describe('a JSON Web Token', () => {
  it('lets in whom its issuer has signed it for, by each of the keys', async () => {
    const filter = inline({ issuer: 'https://id.test', audience: ['shop', 'admin'] })
    for (const key of [first, rsa])
      assert.equal(await statusOf(filter, await sign(key, { iss: 'https://id.test', aud: 'shop' })), 200)
    for (const claims of [
      {},
      { iss: 'https://evil.test', aud: 'shop' },
      { iss: 'https://id.test', aud: 'other' },
      { iss: 'https://id.test' },
    ])
      assert.equal(await statusOf(filter, await sign(first, claims)), 401, JSON.stringify(claims))
  })

  it('is refused without signature, whatever it calls that', async () => {
    const unsecured = new UnsecuredJWT({ exp: start + 60 }).encode()
    const [, claims] = unsecured.split('.')
    for (const alg of ['none', 'None', 'nOnE', '']) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'k1' })).toString('base64url')
      for (const signature of ['', 'AA']) assert.equal(await statusOf(inline(), `${header}.${claims}.${signature}`), 401, alg)
    }
    assert.equal(await statusOf(inline(), unsecured), 401)
  })

  it('is refused when a public key was taken for a shared secret', async () => {
    const head = Buffer.from(JSON.stringify({ alg: 'HS256', kid: 'r1' })).toString('base64url')
    const claims = Buffer.from(JSON.stringify({ exp: start + 60 })).toString('base64url')
    for (const key of [JSON.stringify(rsa.jwk), String(rsa.jwk['n']), Buffer.from(String(rsa.jwk['n']), 'base64url')]) {
      const signature = createHmac('sha256', key).update(`${head}.${claims}`).digest('base64url')
      assert.equal(await statusOf(inline(), `${head}.${claims}.${signature}`), 401)
    }
    assert.throws(() => inline({ algorithms: ['HS256'] }), /HS… is for secret/)
    assert.throws(() => guard({ secret, algorithms: ['RS256'] }), /HS… is for secret/)
    assert.throws(() => inline({ algorithms: ['none'] }))
  })

  it('is refused by another key, with an unknown key id, changed, broken, or with an algorithm that is not listed', async () => {
    const good = await sign(first)
    const [head = '', claims = '', signature = ''] = good.split('.')
    const changed = Buffer.from(JSON.stringify({ exp: start + 9999, sub: 'admin' })).toString('base64url')
    for (const token of [
      await sign(second),
      await sign({ ...second, jwk: first.jwk }),
      `${head}.${changed}.${signature}`,
      `${head}.${claims}.`,
      `${head}.${claims}`,
      'x.y.z',
      '..',
      good.slice(0, -2),
      await sign(first, {}, { crit: ['unknown'], unknown: true }).catch(() => 'x'),
    ])
      assert.equal(await statusOf(inline(), token), 401, token)
    assert.equal(await statusOf(inline({ algorithms: ['RS256'] }), good), 401)
    assert.equal(await statusOf(inline({ algorithms: ['ES256'] }), good), 200)
  })

  it('is refused before and after its time, give or take the tolerance, and without an end', async () => {
    assert.equal(await statusAt({ exp: start - 9 }), 200)
    assert.equal(await statusAt({ exp: start - 10 }), 401)
    assert.equal(await statusAt({ nbf: start + 10 }), 200)
    assert.equal(await statusAt({ nbf: start + 11 }), 401)
    assert.equal(await statusAt({ exp: null }), 401)
    assert.equal(await statusAt({ exp: null }, { requireExpiry: false }), 200)
  })

  it('is checked with a shared secret too', async () => {
    assert.equal(await statusOf(guard({ secret }), await sharing(secret)), 200)
    assert.equal(await statusOf(guard({ secret }), await sharing(`${secret}x`)), 401)
    assert.equal(await statusOf(guard({ secret }), await sign(first)), 401)
  })

  it('tells the service its claims, and nothing that the client or a claim makes up', async () => {
    const claims = {
      'X-User': 'sub',
      'X-Roles': 'realm.roles',
      'X-Age': 'age',
      'X-Odd': 'https://x.test/odd',
      'X-None': '__proto__',
      'X-Deep': 'sub.length',
    }
    const payload = {
      sub: 'alice',
      age: 7,
      realm: { roles: ['user', 'a,admin', 'ü', { x: 1 }] },
      'https://x.test/odd': 'a\r\nX-Admin: 1',
    }
    const head = bearing(await sign(first, payload), 'X-User', 'root', 'x_roles', 'root', 'X-None', 'root', 'X-Deep', 'root')
    assert.equal((await answerOf(inline({ claims, pass: false }), head)).status, 200)
    assert.deepEqual(head.headers, [
      'X-User',
      'alice',
      'X-Roles',
      'user,a%2Cadmin,%C3%BC',
      'X-Age',
      '7',
      'X-Odd',
      'a%0D%0AX-Admin%3A%201',
    ])
  })

  it('reaches the service with its claims although the client names their fields in Connection', async () => {
    const seen: unknown[] = []
    const filter = filterOf('jwt', { keys: [first.jwk], claims: { 'X-User': 'sub' } })
    const plane = await filteredPlane(fixture, [filter], {
      answer: (incoming, response) => (seen.push(incoming.headers['x-user']), void response.end()),
    })
    const token = await new SignJWT({ exp: 4e9, sub: 'alice' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(first.privateKey)
    const raw = await fixture.client(plane.port)
    raw.send(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-User\r\nX-User: root\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    assert.match(await raw.closed, /^HTTP\/1\.1 200 /)
    assert.deepEqual(seen, ['alice'])
  })

  it('comes once, in the field or in the cookie that is written', async () => {
    const token = await sign(first)
    const status = async (options: object, ...headers: string[]) =>
      (await answerOf(inline(options), requestHead({ headers }))).status
    assert.equal(await status({}, 'authorization', `bearer  ${token} `), 200)
    assert.equal(await status({ cookie: 'token' }, 'Cookie', `a=b; token=${token}`), 200)
    assert.equal(await status({}, 'Cookie', `token=${token}`), 401)
    assert.equal(await status({ cookie: 'token' }, 'Authorization', 'Basic x', 'Cookie', `token=${token}`), 401)
    assert.equal(await status({}, 'Authorization', `Bearer ${token}`, 'authorization', `Bearer ${token}`), 401)
    const { headers } = await answerOf(inline(), requestHead())
    assert.equal(fieldOf(headers, 'www-authenticate'), 'Bearer realm="meshgate"')
    assert.equal(
      fieldOf((await answerOf(inline(), bearing('x'))).headers, 'www-authenticate'),
      'Bearer realm="meshgate", error="invalid_token"',
    )
  })

  it('needs one source of keys, and none that gives a secret away', () => {
    const url = 'https://id.test/jwks'
    for (const options of [
      {},
      { jwks: url, secret },
      { keys: [] },
      { keys: [{ ...first.jwk, d: 'x' }] },
      { keys: [{ kty: 'oct', k: 'x' }] },
      { secret: 'short' },
      { jwks: 'id.test' },
      { jwks: 'https://me@id.test' },
      { jwks: 'file:///etc/passwd' },
      { secret, claims: { Host: 'sub' } },
    ])
      assert.throws(() => guard(options), JSON.stringify(options))
  })
})
