import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { takeParameter } from '../../../src/dataplane/http/query-parameter.ts'
import { fieldOf } from '../../../src/http1/field.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

const [first, second] = ['first-key-0123456789', 'second-key-0123456789']
const keys = { one: first, two: `sha256:${createHash('sha256').update(second).digest('hex')}` }
const guard = (options: object = {}) => filterOf('apiKey', { keys, ...options })

describe('an API key', () => {
  it('lets its caller in, whose name the service is told and whose key it is not', async () => {
    for (const [name, key] of [
      ['one', first],
      ['two', second],
    ] as const) {
      const head = requestHead({ headers: ['x-api-key', key, 'X-Caller', 'root', 'x_caller', 'root'] })
      assert.equal((await answerOf(guard({ nameField: 'X-Caller' }), head)).status, 200)
      assert.deepEqual(head.headers, ['X-Caller', name])
    }
  })

  it('may come in the query, from which it is taken', async () => {
    const head = requestHead({ query: `?a=1&key=${first}&b=%zz` })
    assert.equal((await answerOf(guard({ query: 'key' }), head)).status, 200)
    assert.equal(head.query, '?a=1&b=%zz')
    assert.equal((await answerOf(guard(), requestHead({ query: `?key=${first}` }))).status, 401)
    assert.equal(
      (await answerOf(guard({ header: null, query: 'key' }), requestHead({ headers: ['x-api-key', first] }))).status,
      401,
    )
  })

  it('is passed on if it is to be', async () => {
    const head = requestHead({ headers: ['X-Api-Key', first], query: '?key' })
    assert.equal((await answerOf(guard({ pass: true }), head)).status, 200)
    assert.deepEqual(head.headers, ['X-Api-Key', first])
  })

  it('is refused when it is unknown, a part, a hash, there twice, or missing', async () => {
    for (const headers of [
      [],
      ['X-Api-Key', ''],
      ['X-Api-Key', first.slice(0, -1)],
      ['X-Api-Key', `${first} `],
      ['X-Api-Key', keys.two],
      ['X-Api-Key', keys.two.slice(7)],
      ['X-Api-Key', first, 'x-api-key', first],
      ['X-Api-Key', 'unknown', 'x-api-key', first],
      ['X-Api-Key', 'one'],
    ]) {
      const answer = await answerOf(guard(), requestHead({ headers }))
      assert.equal(answer.status, 401, String(headers))
      assert.equal(answer.code, 'unauthorized')
      assert.equal(fieldOf(answer.headers, 'www-authenticate'), 'ApiKey realm="meshgate"')
    }
    const both = requestHead({ headers: ['X-Api-Key', first], query: `?key=${first}` })
    assert.equal((await answerOf(guard({ query: 'key' }), both)).status, 401)
  })

  it('is long enough, and the message about one that is not does not show it', () => {
    for (const key of ['short', 'sha256:12', 'with a space 0123456789', `${first}\n`]) {
      assert.throws(
        () => filterOf('apiKey', { keys: { one: key } }),
        (error: Error) => !error.message.includes(key),
        key,
      )
    }
    for (const options of [{ keys: {} }, { header: null }, { header: 'a b' }, { query: 'a&b' }, { nameField: 'X-Forwarded-For' }])
      assert.throws(() => guard(options), JSON.stringify(options))
  })
})

describe('a query parameter', () => {
  it('is taken out wherever it stands and however it is written', () => {
    assert.deepEqual(takeParameter('', 'k'), { values: [], rest: '' })
    assert.deepEqual(takeParameter('?k=1', 'k'), { values: ['1'], rest: '' })
    assert.deepEqual(takeParameter('?%6b=1%202&a=b+c&k&=x&&K=1', 'k'), { values: ['1 2', ''], rest: '?a=b+c&=x&&K=1' })
    assert.deepEqual(takeParameter('?k=%zz', 'k'), { values: ['%zz'], rest: '' })
    assert.deepEqual(takeParameter('?', 'k'), { values: [], rest: '?' })
  })
})
