/** Octets that a service answers a GET with, and what becomes of them. */
export interface AnswerCase {
  readonly rule: string
  readonly name: string
  readonly answer: string
  /** Status and body that the client gets; absent: 502. */
  readonly gives?: readonly [status: number, body: string]
}

function ok(fields: string, body: string): string {
  return `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`
}

function bad(rule: string, cases: Readonly<Record<string, string>>): AnswerCase[] {
  return Object.entries(cases).map(([name, answer]) => ({ rule, name, answer }))
}

export const answerCases: readonly AnswerCase[] = [
  ...bad('RFC 9112 §4', {
    'another protocol': 'SSH-2.0-OpenSSH\r\n',
    'a version that is none': 'HTTP/2.0 200 OK\r\n\r\n',
    'a version in lower case': 'http/1.1 200 OK\r\n\r\n',
    'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
    'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
    'a status that is no number': 'HTTP/1.1 2x0 OK\r\n\r\n',
    'two spaces before the status': 'HTTP/1.1  200 OK\r\n\r\n',
    'a NUL in the reason': 'HTTP/1.1 200 O\0K\r\n\r\n',
  }),
  ...bad('RFC 9110 §15', {
    'a status below 100': 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n',
    'a status above 599': 'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n',
  }),
  ...bad('RFC 9112 §2.2', {
    'a bare LF behind the status line': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
    'a bare LF behind a field': 'HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 0\r\n\r\n',
    'a bare CR in a field': 'HTTP/1.1 200 OK\r\nX: 1\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n',
  }),
  ...bad('RFC 9112 §5.2', { 'a folded field': ok('X: 1\r\n 2\r\nContent-Length: 0\r\n', '') }),
  ...bad('RFC 9112 §5.1', {
    'a space before the colon': ok('Content-Length : 0\r\n', ''),
    'a line without colon': ok('nonsense\r\nContent-Length: 0\r\n', ''),
  }),
  ...bad('RFC 9110 §5.5', { 'a control in a value': ok('X: a\x01b\r\nContent-Length: 0\r\n', '') }),
  ...bad('RFC 9112 §6.3', {
    'two lengths': ok('Content-Length: 2\r\nContent-Length: 3\r\n', 'abc'),
    'two equal lengths': ok('Content-Length: 2\r\nContent-Length: 2\r\n', 'ab'),
    'a list of lengths': ok('Content-Length: 2, 2\r\n', 'ab'),
    'a length that is none': ok('Content-Length: 2x\r\n', 'ab'),
    'a negative length': ok('Content-Length: -2\r\n', 'ab'),
  }),
  ...bad('RFC 9112 §6.1', {
    'length and coding': ok('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '2\r\nab\r\n0\r\n\r\n'),
    'a coding that nobody asked for': ok('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    'a coding in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a body with 204': 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  }),
  ...bad('RFC 9110 §8.6', { 'a length with 204': 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab' }),
  ...bad('RFC 9110 §7.8', { 'a switch of protocols that nobody asked for': 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n' }),
  ...bad('RFC 9110 §15.2', { 'interim answers without end': 'HTTP/1.1 103 X\r\n\r\n'.repeat(50) }),
  ...bad('RFC 6585 §5', { 'a head without end': ok('X: y\r\n'.repeat(300), '') }),
  { rule: 'RFC 9112 §4', name: 'an empty reason', answer: 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', gives: [200, 'ok'] },
  {
    rule: 'RFC 9112 §6.3',
    name: 'what stands behind the end of an answer is nobody’s answer',
    answer: ok('Content-Length: 2\r\n', 'okHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'),
    gives: [200, 'ok'],
  },
  {
    rule: 'RFC 9110 §15.3.5',
    name: 'what stands behind 204 is nobody’s answer',
    answer: 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
    gives: [204, ''],
  },
  {
    rule: 'RFC 9110 §15.2',
    name: 'an interim answer is not the answer',
    answer: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('Content-Length: 2\r\n', 'ok')}`,
    gives: [200, 'ok'],
  },
]
