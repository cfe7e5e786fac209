import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { messageOf, systemCodeOf } from '../../errors.ts'
import type { CheckDefinition } from '../store/rows.ts'
import { ByteTail } from './byte-tail.ts'
import { dialProblem } from './dial-problem.ts'
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
    const response = await follow(definition, new URL(target), aborter.signal)
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

async function follow(definition: CheckDefinition, from: URL, signal: AbortSignal): Promise<IncomingMessage> {
  let url = from
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const response = await send(definition, url, signal)
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return response
    response.destroy()
    url = new URL(location, url)
  }
  throw new Error(`stopped after ${mostRedirects} redirects`)
}

function send(definition: CheckDefinition, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, header, body, tlsSkipVerify } = definition
  const headers = {
    'User-Agent': 'Consul Health Check',
    Accept: 'text/plain, text/*, */*',
    ...(header as Record<string, string[]>),
  }
  // No agent: one connection per run, closed after it.
  const options: RequestOptions = { method, headers, signal, agent: false }
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...options, rejectUnauthorized: !tlsSkipVerify })
        : requestHttp(url, options)
    request.on('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
}

/** The last bytes of a body: a long one is read to its end without keeping it. */
async function tailOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const tail = new ByteTail(maxBytes)
  for await (const chunk of response as AsyncIterable<Buffer>) tail.push(chunk)
  return tail.toString()
}

function problemOf({ method, target }: CheckDefinition, error: unknown, isTimeout: boolean): string {
  const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()}`
  if (isTimeout) return `${verb} "${target}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
  const code = systemCodeOf(error)
  const isDial = code !== undefined && code !== 'ECONNRESET' && URL.canParse(target)
  return `${verb} "${target}": ${isDial ? dialProblem(hostAndPort(new URL(target)), error) : messageOf(error)}`
}

function hostAndPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
