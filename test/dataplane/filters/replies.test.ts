import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ask, filterOf } from '../../support/filter.ts'
import { requestHead } from '../../support/request-head.ts'

const reply = (kind: string, options: unknown, parts: Parameters<typeof requestHead>[0] = {}) =>
  ask(filterOf(kind, options), requestHead(parts))
const location = (options: unknown, path: string, query = '') => {
  const answer = reply('redirect', options, { path, query })
  assert.ok(answer && 'headers' in answer)
  return answer.headers[1]
}

describe('a redirect', () => {
  it('is a 308 to the very URL that is written', () => {
    assert.deepEqual(reply('redirect', { to: 'https://example.com/new?x=1#y' }, { path: '/old', query: '?q' }), {
      status: 308,
      headers: ['Location', 'https://example.com/new?x=1#y'],
      body: '',
    })
  })

  it('may go to a path of the same host, with another status', () => {
    assert.deepEqual(reply('redirect', { to: '/new', status: 302 }), { status: 302, headers: ['Location', '/new'], body: '' })
  })

  it('appends path and query of the request when asked to', () => {
    assert.equal(location({ to: 'https://example.com', keepPath: true }, '/a/b', '?q=1'), 'https://example.com/a/b?q=1')
    assert.equal(location({ to: 'https://example.com/new/', keepPath: true }, '/a'), 'https://example.com/new/a')
  })

  it('stays on the host that is written, whatever the request asks for', () => {
    assert.equal(location({ to: 'https://example.com/', keepPath: true }, '//evil.test/x'), 'https://example.com//evil.test/x')
    for (const path of ['/.evil.test', '/@evil.test', '/:80', '//evil.test']) {
      assert.equal(URL.parse(location({ to: 'https://example.com', keepPath: true }, path) ?? '')?.host, 'example.com', path)
    }
  })

  it('is refused for a target that is no URL or could be read as another host', () => {
    for (const to of [
      '',
      'example.com',
      '//evil.test',
      '/\\evil.test',
      'ftp://example.com',
      'javascript:alert(1)',
      'https://',
      'https:///x',
      'https://me@example.com',
      'https://ex ample.com',
      '/a\r\nb',
      '/é',
    ]) {
      assert.throws(() => reply('redirect', { to }), JSON.stringify(to))
    }
    for (const to of ['/new', 'https://example.com?x', 'https://example.com/#x'])
      assert.throws(() => reply('redirect', { to, keepPath: true }), to)
    assert.throws(() => reply('redirect', { to: '/x', status: 304 }))
  })
})

describe('a fixed answer', () => {
  it('is an empty 200 when nothing is written', () => {
    assert.deepEqual(reply('respond', {}), { status: 200, headers: [], body: '' })
  })

  it('is plain text unless it says otherwise', () => {
    assert.deepEqual(reply('respond', { status: 503, body: 'back at nine', headers: { 'retry-after': '3600' } }), {
      status: 503,
      headers: ['retry-after', '3600', 'Content-Type', 'text/plain; charset=utf-8'],
      body: 'back at nine',
    })
    assert.deepEqual(reply('respond', { body: '{}', headers: { 'content-TYPE': 'application/json' } }), {
      status: 200,
      headers: ['content-TYPE', 'application/json'],
      body: '{}',
    })
  })

  it('is refused with a status that is none, a body where none may be, and fields of the connection', () => {
    for (const status of [0, 100, 101, 199, 600, 200.5, '200']) assert.throws(() => reply('respond', { status }), String(status))
    for (const status of [204, 205, 304]) assert.throws(() => reply('respond', { status, body: 'x' }), /has no body/)
    assert.throws(() => reply('respond', { headers: { 'Content-Length': '1' } }), /belongs to the connection/)
    assert.throws(() => reply('respond', { headers: { x: 'a\nb' } }))
  })
})
