import type { IncomingMessage, RequestOptions } from 'node:http'
import { nodeHttp } from '../../node-http.ts'
import type { CheckDefinition } from '../store/rows.ts'
import { ByteTail } from '../../byte-tail.ts'
import { requestProblem } from './dial-problem.ts'
import type { Probe, ProbeResult } from './interval-check.ts'

const mostRedirects = 10

/** Passing for 2xx, warning for 429, critical for anything else. Redirects are followed. The output ends with the end of the body. */
export const probeHttp: Probe = async (definition, clock, signal) => {
  const { target, method, timeoutMs } = definition
  const aborter = new AbortController()
  const stop = (): void => aborter.abort()
  signal.addEventListener('abort', stop, { once: true })
  const timer = clock.after(timeoutMs, stop)
  try {
    const response = await follow(definition, parseTarget(target), aborter.signal)
    const body = await tailOf(response, definition.outputMaxBytes)
    const statusCode = response.statusCode ?? 0
    const output = `HTTP ${method} ${target}: ${statusCode} ${response.statusMessage ?? ''} Output: ${body}`
    return { status: statusOf(statusCode), output }
  } catch (error) {
    return { status: 'critical', output: problemOf(definition, error, aborter.signal.aborted) }
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', stop)
  }
}

function statusOf(statusCode: number): ProbeResult['status'] {
  if (statusCode >= 200 && statusCode < 300) return 'passing'
  return statusCode === 429 ? 'warning' : 'critical'
}

interface HttpAsk {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

function parseTarget(target: string): URL {
  const url = URL.parse(target)
  if (!url) throw new Error('the address is not a URL')
  if (url.protocol === 'http:' || url.protocol === 'https:') return url
  throw new Error(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`)
}

async function follow(definition: CheckDefinition, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  let ask: HttpAsk = { url, method: definition.method, headers: headersOf(definition), body: definition.body }
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await send(ask, definition.tlsSkipVerify, signal)
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return response
    response.destroy()
    ask = redirected(ask, new URL(location, ask.url), response.statusCode ?? 0)
  }
  throw new Error(`stopped after ${mostRedirects} redirects`)
}

/** What is registered goes before what is sent anyway, in whatever case. The framing is ours: `send` says how long the body is. */
function headersOf({ header }: CheckDefinition): HttpAsk['headers'] {
  const headers: Record<string, string | readonly string[]> = {
    'user-agent': 'Consul Health Check',
    accept: 'text/plain, text/*, */*',
  }
  for (const [name, values] of Object.entries(header)) {
    const field = name.toLowerCase()
    if (field === 'content-length' || field === 'transfer-encoding') continue
    // A request has one Host (RFC 9112 §3.2), and Node takes it as one string only.
    headers[field] = field === 'host' ? wireText(values[0] ?? '') : values.map(wireText)
  }
  return headers
}

/** UTF-8 bytes, as Go sends them: Node takes a character for a byte, and refuses others. */
function wireText(value: string): string {
  return Buffer.from(value).toString('latin1')
}

/** As Go's client does: 301 to 303 ask again with GET and no body; credentials do not follow to another host. */
function redirected({ url, method, headers, body }: HttpAsk, next: URL, statusCode: number): HttpAsk {
  const secret = /^(?:authorization|cookie|cookie2|www-authenticate|host)$/i
  const kept =
    next.host === url.host ? headers : Object.fromEntries(Object.entries(headers).filter(([name]) => !secret.test(name)))
  if (statusCode >= 307) return { url: next, method, headers: kept, body }
  return { url: next, method: method === 'HEAD' ? 'HEAD' : 'GET', headers: kept, body: '' }
}

function send({ url, method, headers, body }: HttpAsk, tlsSkipVerify: boolean, signal: AbortSignal): Promise<IncomingMessage> {
  // No agent: one connection per run, closed after it.
  // Node gives a GET or DELETE with a body no length, so that the body would be read as the next request.
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const fields = { ...headers, ...length } as Record<string, string | string[]>
  const options: RequestOptions = { method, headers: fields, signal, agent: false }
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? // Loaded by the first check that needs it: TLS takes memory.
          process.getBuiltinModule('node:https').request(url, { ...options, rejectUnauthorized: !tlsSkipVerify })
        : nodeHttp.request(url, options)
    request.on('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
}

/** The last bytes of a body: a long one is read to its end without keeping it. The status counts, also where the body breaks off. */
async function tailOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const tail = new ByteTail(maxBytes)
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) tail.push(chunk)
  } catch {
    // Broken off, or not at its end at the timeout: what came is the output, as in Consul.
  }
  return tail.toString()
}

function problemOf({ method, target }: CheckDefinition, error: unknown, isTimeout: boolean): string {
  const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()}`
  if (isTimeout) return `${verb} "${target}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
  const address = URL.canParse(target) ? hostAndPort(new URL(target)) : target
  return `${verb} "${target}": ${requestProblem(address, error)}`
}

function hostAndPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
