/** Octets on a client's connection, one character each, and what a strict gateway makes of them. */
export interface RequestCase {
  /** The rule that is at stake: `RFC 9112 §6.3`. */
  readonly rule: string
  readonly name: string
  readonly send: string
  /** Method, target and body of the requests that reach the service. */
  readonly reach?: readonly (readonly [method: string, target: string, body: string])[]
  /** Status with which the rest is refused, and the connection closed; absent: nothing is. */
  readonly refuse?: number
}

/** A refused case: nothing of it reaches the service. */
export function refused(rule: string, status: number, cases: Readonly<Record<string, string>>): RequestCase[] {
  return Object.entries(cases).map(([name, send]) => ({ rule, name, send, refuse: status }))
}

/** A case that is served as one request. */
export function served(rule: string, name: string, send: string, reach: readonly [string, string, string]): RequestCase {
  return { rule, name, send, reach: [reach] }
}

export function get(line: string, fields = ''): string {
  return `${line}\r\nHost: a\r\n${fields}\r\n`
}

export function post(framing: string, body: string): string {
  return `POST /p HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`
}

export function chunked(body: string): string {
  return post('Transfer-Encoding: chunked', body)
}
