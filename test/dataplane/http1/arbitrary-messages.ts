import * as fc from 'fast-check'

/** What mutations put in: octets that parsers have been fooled with, and pieces of messages. */
const hostile = [
  '\r', '\n', '\r\n', '\r\n\r\n', '\n\n', '\0', ' ', '\t', '\x0b', '\x0c', '\x7f', '\x80', '\xff', '\x85', '\xa0', ':', ';', ',', '"', '\\', '/', '%', '#', '=', '+', '-', '0', '1', '5', 'a', 'f', 'g', 'x', '_',
  '0x', '0\r\n\r\n', '5\r\nhello\r\n', 'chunked', ', chunked', 'chunked, ', 'identity', 'gzip', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding : chunked\r\n', 'Transfer-Encoding:\r\n chunked\r\n',
  'Transfer-Encoding: xchunked\r\n', 'TRANSFER-ENCODING:chunked\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'content-length:5\r\n', 'Content-Length: 5, 5\r\n', 'Content-Length: +5\r\n', 'Content-Length: 0x5\r\n',
  'Content-Length: 99999999999999999999\r\n', 'Content-Length: \r\n', 'Host: b\r\n', 'Host:\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Expect: 100-continue\r\n', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9',
  'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ' HTTP/1.1', 'GET ', 'POST ', 'get ', 'G@T ', 'PRI * HTTP/2.0', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', ';a', ';a=b', ';a="b;c"', ';a="', ';', ' ;a', 'ffffffffffffffff', '10000000000000000',
  '00000000000000005', 'X: y\r\n', 'X : y\r\n', ' X: y\r\n', 'X\r\n', ': y\r\n', 'X: \x01\r\n', 'Trailer: X\r\n',
] // prettier-ignore

const methods = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'QUERY',
  'M-SEARCH',
  'FOO',
  'get',
] as const
const targets = ['/', '/a', '/a/b?c=d', '/%41', '*', 'http://a/x', '/a b', '/\x80', '//', 'a', '/?'] as const
const fields = [
  'Host: a', 'Host: a', 'host:a', 'Accept: */*', 'X-Empty:', 'X-Tab:\tv\t', 'X-Spaces:   v  ', 'X-High: \xfc\xff', 'Cookie: a=b; c=d', 'User-Agent: t/1 (x; "y")', 'Connection: close', 'Connection: keep-alive', 'connection: Close, x',
  'Expect: 100-continue', 'X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'Keep-Alive: timeout=5', 'TE: trailers', "X!#$%&'*+-.^_`|~: 1", 'Date: Sun, 06 Nov 1994 08:49:37 GMT',
] // prettier-ignore
const bodies = ['', 'a', 'hello', '0\r\n\r\n', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n', '\0\xff\r\n'] as const
const extensions = ['', '', '', ';a', ';a=b', ';a="b c"', ';a="\\""', ';a;b=c'] as const
const trailers = ['', '', 'X-Sum: 1\r\n', 'X-Sum: 1\r\nX-Other:\r\n', 'Content-Length: 5\r\n'] as const

const chunkedBody = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...bodies), fc.constantFrom(...extensions)), { maxLength: 3 }),
    fc.constantFrom(...trailers),
  )
  .map(([chunks, trailer]) => {
    const whole = chunks.filter(([data]) => data !== '').map(([data, ext]) => `${data.length.toString(16)}${ext}\r\n${data}\r\n`)
    return `${whole.join('')}0\r\n${trailer}\r\n`
  })

/** A framing field with the body that it announces. */
const framed = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ field: '', body: '' }) },
  { weight: 2, arbitrary: fc.constantFrom(...bodies).map((body) => ({ field: `Content-Length: ${body.length}\r\n`, body })) },
  { weight: 3, arbitrary: chunkedBody.map((body) => ({ field: 'Transfer-Encoding: chunked\r\n', body })) },
)

const fieldLines = fc
  .array(fc.constantFrom(...fields), { maxLength: 5 })
  .map((lines) => lines.map((line) => `${line}\r\n`).join(''))

const oneRequest = fc
  .tuple(
    fc.constantFrom(...methods),
    fc.constantFrom(...targets),
    fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    fieldLines,
    framed,
  )
  .map(
    ([method, target, version, lines, { field, body }]) =>
      `${method} ${target} HTTP/${version}\r\nHost: a\r\n${lines}${field}\r\n${body}`,
  )

const oneResponse = fc
  .tuple(
    fc.constantFrom('200', '200', '200', '204', '304', '404', '500', '206'),
    fc.constantFrom(' OK', ' ', '', ' Not \xfc'),
    fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    fieldLines,
    framed,
  )
  .map(([status, reason, version, lines, { field, body }]) => `HTTP/${version} ${status}${reason}\r\n${lines}${field}\r\n${body}`)

const interim = fc.constantFrom('', '', '', 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n')

interface Mutation {
  readonly kind: 'insert' | 'remove' | 'replace' | 'repeat' | 'swap'
  readonly at: number
  readonly length: number
  readonly what: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('insert', 'insert', 'insert', 'remove', 'replace', 'replace', 'repeat', 'swap'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 6 }),
  what: fc.constantFrom(...hostile),
})

function mutated(text: string, mutations: readonly Mutation[]): string {
  let now = text
  for (const { kind, at, length, what } of mutations) {
    // At the begin of a line, or anywhere: most of what matters happens between lines.
    const lines = [...now.matchAll(/\r\n/g)].map(({ index }) => index + 2)
    const place = at % 2 === 0 && lines.length > 0 ? (lines[(at >> 1) % lines.length] ?? 0) : (at >> 1) % (now.length + 1)
    const [before, cut, after] = [now.slice(0, place), now.slice(place, place + length), now.slice(place + length)]
    if (kind === 'insert') now = before + what + cut + after
    else if (kind === 'remove') now = before + after
    else if (kind === 'replace') now = before + what + after
    else if (kind === 'repeat') now = before + cut + cut + after
    else now = before + after.slice(0, length) + cut + after.slice(length)
  }
  return now
}

const mutations = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 6, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
)

/** One to three requests on a connection, most of them damaged; one character per octet. */
export const arbitraryRequests: fc.Arbitrary<string> = fc
  .tuple(fc.array(oneRequest, { minLength: 1, maxLength: 3 }), mutations)
  .map(([requests, changes]) => mutated(requests.join(''), changes))

/** An answer, most often damaged; one character per octet. */
export const arbitraryResponse: fc.Arbitrary<string> = fc
  .tuple(interim, oneResponse, mutations)
  .map(([before, response, changes]) => mutated(before + response, changes))
