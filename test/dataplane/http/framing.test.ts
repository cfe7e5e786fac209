import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { framingProblem } from '../../../src/dataplane/http/framing.ts'

const host = ['Host', 'a']

describe('the framing of a request', () => {
  it('is clear without a body, with one length, and with chunks', () => {
    assert.equal(framingProblem(host, '1.1'), null)
    assert.equal(framingProblem([...host, 'Content-Length', '0'], '1.1'), null)
    assert.equal(framingProblem([...host, 'content-length', '123456789012345'], '1.1'), null)
    assert.equal(framingProblem([...host, 'Transfer-Encoding', 'Chunked'], '1.1'), null)
  })

  const ambiguous: Readonly<Record<string, readonly string[]>> = {
    'a length and chunks': ['Content-Length', '3', 'Transfer-Encoding', 'chunked'],
    'chunks and a length': ['Transfer-Encoding', 'chunked', 'Content-Length', '3'],
    'two lengths': ['Content-Length', '3', 'Content-Length', '4'],
    'the same length twice': ['Content-Length', '3', 'content-length', '3'],
    'a list of lengths': ['Content-Length', '3, 3'],
    'an empty length': ['Content-Length', ''],
    'a length with a sign': ['Content-Length', '+3'],
    'a negative length': ['Content-Length', '-3'],
    'a hexadecimal length': ['Content-Length', '0x3'],
    'a length in letters': ['Content-Length', 'three'],
    'a length that overflows': ['Content-Length', '9'.repeat(20)],
    'an unknown transfer coding': ['Transfer-Encoding', 'gzip'],
    'chunks that are not last': ['Transfer-Encoding', 'chunked, gzip'],
    'several codings': ['Transfer-Encoding', 'gzip, chunked'],
    'chunks twice': ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    'chunks behind a vertical tab': ['Transfer-Encoding', '\vchunked'],
    identity: ['Transfer-Encoding', 'identity'],
    'an empty coding': ['Transfer-Encoding', ''],
    'a line break in a value': ['X-A', 'a\r\nTransfer-Encoding: chunked'],
    'a bare line feed in a value': ['X-A', 'a\nb'],
    'a NUL in a value': ['X-A', 'a\0b'],
    'a DEL in a value': ['X-A', 'a\x7fb'],
  }
  for (const [what, fields] of Object.entries(ambiguous)) {
    it(`is ambiguous with ${what}`, () => assert.equal(framingProblem([...host, ...fields], '1.1'), 'ambiguous_framing'))
  }

  it('is ambiguous with chunks in HTTP/1.0', () => {
    assert.equal(framingProblem([...host, 'Transfer-Encoding', 'chunked'], '1.0'), 'ambiguous_framing')
  })

  it('takes tabs and Latin text in values', () => {
    assert.equal(framingProblem([...host, 'X-A', 'a\tb é'], '1.1'), null)
  })
})

describe('the Host of a request', () => {
  it('is there exactly once in HTTP/1.1', () => {
    assert.equal(framingProblem([], '1.1'), 'bad_host')
    assert.equal(framingProblem(['Host', 'a', 'host', 'a'], '1.1'), 'bad_host')
  })

  it('may be missing in HTTP/1.0, and is never there twice', () => {
    assert.equal(framingProblem([], '1.0'), null)
    assert.equal(framingProblem(['Host', 'a', 'host', 'b'], '1.0'), 'bad_host')
  })
})
