import assert from 'node:assert/strict'
import { Agent, request as send, type IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { startInstance } from '../support/instance.ts'
import { until } from '../support/until.ts'
import type { Request, Row, Step } from './recording.ts'

interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly elapsedMs: number
}

// Headers that say something by being absent.
const telling = ['x-consul-index', 'x-consul-effective-consistency', 'content-type', 'allow', 'location']

/** Plays recorded rows in order against one registry and compares what it answers. The caller closes it. */
export class Player {
  readonly #port: number
  readonly #captured = new Map<string, string>()
  readonly #agent = new Agent({ keepAlive: true })
  readonly #endedAt = new Map<string, number>()
  #target = { status: 200, body: 'fine' }
  #instance: Awaited<ReturnType<typeof startInstance>> | null = null

  constructor(port: number) {
    this.#port = port
  }

  /** Starts the server that HTTP checks of the recording look at. */
  async open(): Promise<void> {
    this.#instance = await startInstance('checked', (_, response) => {
      response.statusCode = this.#target.status
      response.end(this.#target.body)
    })
    this.#captured.set('CHK', String(this.#instance.port))
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    await this.#instance?.kill()
  }

  /** Sends a row's request after what comes before it, and compares the answer unless told not to. */
  async play(row: Row, { isCompared = true } = {}): Promise<void> {
    for (const step of row.before ?? []) await this.#do(step)
    const answer = row.repeatUntil === undefined ? this.#send(row.request) : this.#repeat(row.request, row.repeatUntil)
    if (row.during) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      await this.#send(row.during)
    }
    const reply = await answer
    this.#endedAt.set(row.id, performance.now())
    const body = parse(reply, row)
    if (isCompared) this.#compare(row, reply, body)
    for (const [name, source] of Object.entries(row.captures ?? {}))
      this.#captured.set(name, String(valueAt(source, reply, body)))
  }

  /** Does what stands beside the recorded rows. */
  async do(step: Step): Promise<void> {
    await this.#do(step)
  }

  #compare(row: Row, reply: Reply, body: unknown): void {
    const { response, volatile = [], relations = [], observedMs } = row
    assert.equal(reply.status, response.status, `status; body: ${reply.text.slice(0, 300)}`)
    for (const name of new Set([...telling, ...Object.keys(response.headers)])) {
      if (volatile.includes(`header:${name}`)) assert.ok(reply.headers[name] !== undefined, `header ${name} is missing`)
      else assert.equal(reply.headers[name], response.headers[name], `header ${name}`)
    }
    if (!volatile.includes('body')) {
      const [actual, expected] = [masked(body, volatile), masked(JSON.parse(this.#fill(JSON.stringify(response.body))), volatile)]
      assert.deepEqual(row.isUnordered ? ordered(actual) : actual, row.isUnordered ? ordered(expected) : expected)
    }
    for (const [left, op, right] of relations) this.#relate([left, op, right], reply, body)
    if (row.measured) this.#compareTime(row.id, row.measured)
    if (observedMs === undefined) return
    // A read that ran out its wait may take up to a sixteenth longer; one that was woken must not take so long.
    if (observedMs >= 1000)
      assert.ok(
        reply.elapsedMs >= 980 && reply.elapsedMs < observedMs + 1000,
        `answered after ${reply.elapsedMs} ms, not after its wait`,
      )
    else assert.ok(reply.elapsedMs < 2000, `answered only after ${reply.elapsedMs} ms`)
  }

  #compareTime(id: string, { since, atLeastMs, atMostMs }: NonNullable<Row['measured']>): void {
    const tookMs = (this.#endedAt.get(id) ?? 0) - (this.#endedAt.get(since) ?? 0)
    assert.ok(
      tookMs >= atLeastMs && tookMs <= atMostMs,
      `${Math.round(tookMs)} ms after ${since}, not ${atLeastMs} to ${atMostMs}`,
    )
  }

  /** Sends a request again and again until it is answered as wished. */
  async #repeat(request: Request, matches: string): Promise<Reply> {
    const pattern = new RegExp(matches)
    let reply = await this.#send(request)
    await until(`${request.method} ${request.path} answers ${matches}`, async () => {
      if (!pattern.test(reply.text)) reply = await this.#send(request)
      return pattern.test(reply.text)
    })
    return reply
  }

  #relate([left, op, right]: readonly [string, string, string | number], reply: Reply, body: unknown): void {
    const side = (source: string | number): bigint =>
      BigInt(
        typeof source === 'string' && source.startsWith('$')
          ? (this.#captured.get(source.slice(1)) ?? '0')
          : (valueAt(source, reply, body) as string),
      )
    const [a, b] = [side(left), side(right)]
    const held = op === '==' ? a === b : op === '>' ? a > b : op === '<' ? a < b : a >= b
    assert.ok(held, `${left} ${op} ${right}: ${a} and ${b}`)
  }

  async #do(step: Step): Promise<void> {
    if ('target' in step) return void (this.#target = step.target)
    if ('until' in step) {
      const pattern = new RegExp(step.until.matches)
      await until(step.until.path, async () => pattern.test((await this.#send({ method: 'GET', path: step.until.path })).text))
      return
    }
    const reply = await this.#send(step)
    assert.equal(reply.status, 200, `${step.method} ${step.path}: ${reply.text}`)
    for (const [name, source] of Object.entries(step.captures ?? {}))
      this.#captured.set(name, String(valueAt(source, reply, JSON.parse(reply.text))))
  }

  #send({ method, path, headers = {}, body }: Request): Promise<Reply> {
    const size = /^<(\d+) bytes>$/.exec(body ?? '')?.[1]
    const content = size ? 'x'.repeat(Number(size)) : body === undefined ? undefined : this.#fill(body)
    const length = content === undefined ? {} : { 'content-length': Buffer.byteLength(content) }
    const startedAt = performance.now()
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.#port,
        method,
        path: this.#fill(path),
        headers: { ...headers, ...length },
        agent: this.#agent,
      }
      const request = send(options, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const elapsedMs = performance.now() - startedAt
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: textOf(Buffer.concat(chunks), response.headers),
            elapsedMs,
          })
        })
      })
      request.setTimeout(45_000, () => request.destroy(new Error(`no answer to ${method} ${path}`)))
      request.on('error', reject)
      request.end(content)
    })
  }

  #fill(text: string): string {
    const long = text.replaceAll(/<(\w) x (\d+)>/g, (_, letter: string, count: string) => letter.repeat(Number(count)))
    return long.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) => this.#captured.get(name) ?? whole)
  }
}

function textOf(body: Buffer, headers: IncomingMessage['headers']): string {
  return (headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
}

function parse(reply: Reply, row: Row): unknown {
  if (!String(reply.headers['content-type']).includes('json')) return reply.text
  // Integers above 2^53 are compared as their digits.
  const exact = reply.text.replaceAll(/([:[,]\s*)(\d{16,20})(?=\s*[,}\]])/g, (whole, lead: string, digits: string) =>
    BigInt(digits) > 2n ** 53n - 1n ? `${lead}"u64:${digits}"` : whole,
  )
  assert.doesNotThrow(() => JSON.parse(exact), row.id)
  return JSON.parse(exact)
}

function valueAt(source: string | number, reply: Reply, body: unknown): unknown {
  if (typeof source === 'number') return source
  return source.startsWith('header:') ? reply.headers[source.slice('header:'.length)] : pointed(body, source)
}

function pointed(body: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], body)
}

function masked(body: unknown, volatile: readonly string[]): unknown {
  const copy: unknown = structuredClone(body)
  for (const pointer of volatile) {
    if (!pointer.startsWith('/')) continue
    const at = pointer.lastIndexOf('/')
    const parent = pointed(copy, pointer.slice(0, at))
    if (typeof parent === 'object' && parent !== null) (parent as Record<string, unknown>)[pointer.slice(at + 1)] = '<volatile>'
  }
  return copy
}

/** A value with its lists in one order, so that lists without order can be compared. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (!Array.isArray(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, ordered(inner)]))
  return value.map(ordered).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
