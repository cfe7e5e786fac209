import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { request } from 'undici'
import type { Filter } from '../../../src/dataplane/filters/filter.ts'
import { passwordFits } from '../../../src/dataplane/filters/password-hash.ts'
import { fieldOf } from '../../../src/http1/field.ts'
import { dataPlaneFixture, errorCodeOf } from '../../support/data-plane-fixture.ts'
import { filteredPlane } from '../../support/filtered-plane.ts'
import { answerOf, ask, filterOf } from '../../support/filter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'

const fixture = dataPlaneFixture()

// Both of "secret:ü", at the lowest cost there is.
const bcrypt = '$2b$04$T1ATcBBx90/2mml4J37tEuD6FaDXp2KQhc9dbvPjnfeNRfP0D2cBu'
const argon2 = '$argon2id$v=19$m=64,t=1,p=1$Y0ea1poJCyWCd+yPum+ZQQ$u5NulYbXt1CbSioBNT4kjJhIuSLJzh2WQnSUpCOa3AI'

const made: Filter[] = []
afterEach(() => made.splice(0).forEach((filter) => filter.close?.()))

function guard(options: object = {}, clock = new ManualClock()): Filter {
  const filter = filterOf('basicAuth', { users: { alice: bcrypt, bob: argon2 }, ...options }, { clock })
  made.push(filter)
  return filter
}

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`
const bearing = (credentials: string, ...more: string[]) =>
  requestHead({ headers: ['Authorization', basic(credentials), ...more] })

describe('a password', () => {
  it('fits its bcrypt or argon2 hash, and no other does', () => {
    for (const hash of [bcrypt, argon2]) {
      assert.equal(passwordFits('secret:ü', hash), true)
      for (const wrong of ['', 'secret', 'secret:u', 'Secret:ü', 'secret:ü\0'])
        assert.equal(passwordFits(wrong, hash), false, wrong)
    }
  })

  it('lets its user in, whom the service is told and the password is not', async () => {
    const filter = guard({ userField: 'X-User' })
    const head = bearing('bob:secret:ü', 'x-user', 'admin', 'X_User', 'admin')
    assert.equal((await answerOf(filter, head)).status, 200)
    assert.deepEqual(head.headers, ['X-User', 'bob'])
    assert.equal((await answerOf(filter, bearing('alice:secret:ü'))).status, 200)
  })

  it('is passed on if it is to be', async () => {
    const head = bearing('alice:secret:ü')
    assert.equal(await ask(guard({ pass: true }), head), undefined)
    assert.equal(head.headers.length, 2)
  })

  it('is refused when it is wrong, of another user, of nobody, or cannot be read', async () => {
    const filter = guard()
    for (const credentials of [
      'alice:secret',
      'bob:',
      'carol:secret:ü',
      ':secret:ü',
      'alice',
      '',
      '__proto__:x',
      'constructor:x',
      `alice:${'x'.repeat(900)}`,
    ]) {
      const { status, code, headers } = await answerOf(filter, bearing(credentials))
      assert.equal(status, 401, credentials)
      assert.equal(code, 'unauthorized')
      assert.equal(fieldOf(headers, 'www-authenticate'), 'Basic realm="meshgate", charset="UTF-8"')
    }
    const good = basic('alice:secret:ü')
    for (const headers of [
      [],
      ['Authorization', ''],
      ['Authorization', 'Bearer x'],
      ['Authorization', 'Basic !!'],
      ['Authorization', `Basic ${'A'.repeat(9000)}`],
      ['Authorization', good, 'authorization', good],
    ])
      assert.equal((await answerOf(filter, requestHead({ headers }))).status, 401, String(headers))
  })

  it('is checked once while its result is remembered', async () => {
    const clock = new ManualClock()
    const filter = guard({ remember: '10s' }, clock)
    for (const [credentials, admitted] of [
      ['alice:secret:ü', true],
      ['alice:wrong', false],
    ] as const) {
      assert.ok(ask(filter, bearing(credentials)) instanceof Promise)
      await ask(filter, bearing(credentials))
      const again = ask(filter, bearing(credentials))
      assert.ok(!(again instanceof Promise))
      assert.equal(again === undefined, admitted)
    }
    clock.advanceSync(10_000)
    const later = ask(filter, bearing('alice:secret:ü'))
    assert.ok(later instanceof Promise)
    await later
  })

  it('is not checked when too many wait: then the answer is 503 at once', async () => {
    const plane = await filteredPlane(fixture, [guard({ remember: '0ms' })])
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const { statusCode, body } = await request(plane.url, { headers: { authorization: basic(`alice:${i}`) } })
        return `${statusCode} ${String(errorCodeOf(await body.text()))}`
      }),
    )
    assert.deepEqual([...new Set(answers)].toSorted(), ['401 unauthorized', '503 auth_unavailable'])
  })

  it('is configured as a hash, and the message does not show what was written', () => {
    for (const hash of [
      'plain-password',
      '$2b$31$T1ATcBBx90/2mml4J37tEuD6FaDXp2KQhc9dbvPjnfeNRfP0D2cBu',
      '$1$x$y',
      argon2.replace('m=64', 'm=9999999'),
      argon2.replace('t=1', 't=0'),
      argon2.replace('v=19', 'v=16'),
      '',
    ]) {
      assert.throws(
        () => guard({ users: { alice: hash } }),
        (error: Error) => hash === '' || !error.message.includes(hash),
      )
    }
    for (const options of [
      { users: {} },
      { users: { 'a:b': bcrypt } },
      { users: { 'a b': bcrypt } },
      { realm: '"' },
      { userField: 'Host' },
    ])
      assert.throws(() => guard(options), JSON.stringify(options))
  })
})
