import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import type { Dispatcher } from 'undici'
import { Call } from '../../src/client/call.ts'
import { callRequest, policyOf } from '../../src/client/call-request.ts'
import { parseConnectOptions } from '../../src/client/options.ts'
import { headerObject } from '../../src/client/response-fields.ts'
import { upstreamPolicy } from '../support/upstream-policy.ts'

const options = (given: object): Dispatcher.DispatchOptions => ({ path: '/', method: 'GET', ...given })
const invalid = { code: 'UND_ERR_INVALID_ARG' }

describe('a request to a service', () => {
  it('takes its fields in each form that undici takes, and leaves out what is for one connection', () => {
    const forms = [
      { a: '1', b: ['2', '3'], c: undefined, connection: 'keep-alive, x', x: '4', te: 'trailers' },
      ['a', '1', 'b', '2', 'b', '3', 'connection', 'keep-alive, x', 'x', '4'],
      new Map<string, string | string[]>([
        ['a', '1'],
        ['b', ['2', '3']],
      ]),
      [
        ['a', '1'],
        ['b', '2'],
        ['b', '3'],
      ],
    ]
    for (const headers of forms)
      assert.deepEqual(callRequest(options({ headers }), 'orders').headers, ['Host', 'orders', 'a', '1', 'b', '2', 'b', '3'])
    assert.deepEqual(callRequest(options({ headers: { host: 'other' } }), 'orders').headers, ['Host', 'other'])
  })

  it('is refused if it could be taken for two, or for another', () => {
    const refused = [
      { path: '/a b' },
      { path: '/a\r\nX: y' },
      { path: 'a' },
      { path: 'http://other/' },
      { path: '/a#b' },
      { path: '/?a', query: { b: 1 } },
      { method: 'GE T' },
      { method: '' },
      { headers: { 'a b': '1' } },
      { headers: { '': '1' } },
      { headers: { a: '1\n2' } },
      { headers: { a: '\u{1F600}' } },
      { headers: { a: {} } },
      { headers: ['a'] },
      { headers: { 'content-length': '1, 1' }, body: 'x' },
      { body: 5 },
      { headersTimeout: -1 },
      { bodyTimeout: NaN },
    ]
    for (const given of refused) assert.throws(() => callRequest(options(given), 'orders'), invalid, JSON.stringify(given))
    assert.throws(() => callRequest(options({ method: 'CONNECT' }), 'orders'), { code: 'UND_ERR_NOT_SUPPORTED' })
  })

  it('has its query apart from its path, and times of its own in place of those of the policy', () => {
    const { head } = callRequest(options({ path: '/a?b=c?d' }), 'orders')
    assert.deepEqual([head.path, head.query], ['/a', '?b=c?d'])
    const policy = upstreamPolicy({})
    assert.equal(policyOf(policy, callRequest(options({}), 'orders')), policy)
    const { timeouts } = policyOf(policy, callRequest(options({ headersTimeout: 5, bodyTimeout: 0 }), 'orders'))
    assert.deepEqual([timeouts.responseMs, timeouts.idleMs], [5, Infinity])
    assert.equal(timeouts.connectMs, policy.timeouts.connectMs)
  })
})

/** A handler that notes what it is told. */
function told(more: Partial<Dispatcher.DispatchHandler> = {}) {
  const events: string[] = []
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: () => void events.push('start'),
    onResponseStart: (_, status) => void events.push(`head ${status}`),
    onResponseData: (_, chunk) => void events.push(String(chunk)),
    onResponseEnd: () => void events.push('end'),
    onResponseError: (_, { message }) => void events.push(`error ${message}`),
    ...more,
  }
  return { events, handler }
}

describe('a call', () => {
  it('ends with what its handler throws, and tells it nothing more', () => {
    const { events, handler } = told({
      onResponseStart: () => {
        throw new Error('a bad head')
      },
    })
    const call = new Call(handler)
    assert.ok(call.begin())
    call.head({ status: 200, headers: [] })
    call.write(Buffer.from('x'))
    call.end()
    call.fail({ code: 'upstream_reset', detail: 'late' })
    assert.deepEqual(events, ['start', 'error a bad head'])
  })

  it('ends with what its handler throws at the end of its answer, without a throw into the connection', () => {
    const { events, handler } = told({
      onResponseEnd: () => {
        throw new Error('the handler has had enough')
      },
    })
    const call = new Call(handler)
    call.end()
    call.end()
    assert.deepEqual(events, ['error the handler has had enough'])
  })

  it('does not begin if its handler aborts it at the start', () => {
    const { events, handler } = told({ onRequestStart: (controller) => controller.abort(new Error('no need')) })
    const call = new Call(handler)
    assert.equal(call.begin(), false)
    assert.deepEqual([events, call.aborted, call.reason?.message], [['error no need'], true, 'no need'])
  })

  it('hands on copies of short pieces, since the memory that they were read into is used again', () => {
    const pieces: Buffer[] = []
    const { handler } = told({ onResponseData: (_, chunk) => void pieces.push(chunk) })
    const call = new Call(handler)
    const [short, long] = [Buffer.from('short'), Buffer.alloc(64 * 1024, 'l')]
    call.write(short)
    assert.equal(call.isHolding, false)
    call.write(long)
    assert.equal(call.isHolding, true)
    short.fill('x')
    assert.equal(String(pieces[0]), 'short')
    assert.equal(pieces[1], long)
  })

  it('waits while its handler has paused it', () => {
    let drained = 0
    const { handler } = told({ onResponseData: (controller) => controller.pause() })
    const call = new Call(handler)
    call.onDrain = () => drained++
    assert.equal(call.write(Buffer.from('x')), false)
    assert.ok(call.paused)
    call.resume()
    call.resume()
    assert.deepEqual([call.paused, drained], [false, 1])
  })

  it('ends with its body: what broke that is the reason, also if it is closed without a word', async () => {
    for (const reason of [new Error('disk'), undefined]) {
      const { events, handler } = told()
      const body = new Readable({ read: () => {} })
      const call = new Call(handler, body)
      call.onGone = () => call.fail({ code: 'client_gone', detail: 'the client left' })
      body.destroy(reason)
      if (reason) call.fail({ code: 'client_gone', detail: 'the body broke' })
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(events, [reason ? 'error disk' : 'error the body was closed before its end'])
    }
  })
})

it('fields of an answer are an object as undici gives it', () => {
  const headers = headerObject([
    'Content-Type',
    'a',
    'Set-Cookie',
    '1',
    'set-cookie',
    '2',
    'SET-COOKIE',
    '3',
    '__proto__',
    'x',
    'constructor',
    'y',
  ])
  assert.deepEqual({ ...headers }, { 'content-type': 'a', 'set-cookie': ['1', '2', '3'], constructor: 'y' })
  assert.equal(Object.getPrototypeOf(headers), Object.prototype)
})

it('options that are wrong are refused, each with its path and the fix', () => {
  const wrong = {
    registry: 'ftp://x',
    wait: 5,
    services: { orders: { retry: { atempts: 3 }, timeouts: { response: 3 } } },
    maxservices: 4,
  } as object
  assert.throws(
    () => parseConnectOptions(wrong),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'config_invalid')
      assert.deepEqual(error.message.split('\n').toSorted(), [
        'connect: maxservices: unknown key, did you mean "maxServices"?',
        'connect: registry: "ftp://x" is not the address of a Consul agent: write http://127.0.0.1:8500',
        'connect: services.orders.retry.atempts: unknown key, did you mean "attempts"?',
        'connect: services.orders.timeouts.response: a duration needs a unit: write 3s, not 3',
        'connect: wait: a duration needs a unit: write 5s, not 5',
      ])
      return true
    },
  )
})

it('probes are not shared between applications, and a setting that asks for it is refused', () => {
  const wrong = {
    defaults: { health: { shared: 2 } },
    services: { orders: { health: { shared: 3 } }, shop: { health: { shared: 0 } } },
  }
  assert.throws(
    () => parseConnectOptions(wrong),
    (error: Error) => {
      const places = error.message.split('\n').map((line) => line.split(': ')[1])
      assert.deepEqual(places.toSorted(), ['defaults.health.shared', 'services.orders.health.shared'])
      return true
    },
  )
})
