import { once } from 'node:events'
import { Agent, request as send, type IncomingMessage } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { parseAsk } from './steps.ts'

/** An answer without what differs between any two registries: ids, indexes, ports, times, the order of what has none. */
export interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  /** How the index stands to the one of the same question before. */
  readonly index: 'none' | 'zero' | 'first' | 'same' | 'rose' | 'fell'
  readonly body: string
  /** Whether it came only after the whole `wait`. */
  readonly isLate: boolean
}

const deadlineMs = 30_000
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
// What a connection or the clock says, and the hash that each server makes in its own way.
const ownHeaders = new Set(
  'date content-length transfer-encoding connection keep-alive age vary x-consul-index x-consul-contenthash'.split(' '),
)

/** One of the two registries that are asked the same. The caller closes it. */
export class Side {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #names = new Map<string, string>()
  readonly #indexes = new Map<string, bigint>()
  readonly #last = { ID: '', INDEX: '', MOD: '' }

  constructor(port: number) {
    this.#port = port
  }

  close(): void {
    this.#agent.destroy()
  }

  async ask(text: string): Promise<Answer> {
    const ask = parseAsk(text, (part) => part.replaceAll(/\$(ID|INDEX|MOD)\b/g, (_, name: 'ID') => this.#last[name]))
    const length = ask.body === null ? {} : { 'Content-Length': String(Buffer.byteLength(ask.body)) }
    const startedAt = performance.now()
    const request = send({
      host: '127.0.0.1',
      port: this.#port,
      method: ask.method,
      path: ask.path,
      headers: { ...ask.headers, ...length },
      agent: this.#agent,
      signal: AbortSignal.timeout(deadlineMs),
    })
    request.end(ask.body ?? undefined)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const body = await readText(response)
    const tookMs = performance.now() - startedAt
    this.#remember(ask.method, ask.path, body)
    return {
      status: response.statusCode ?? 0,
      headers: Object.entries(response.headers)
        .filter(([name]) => !ownHeaders.has(name))
        .map(([name, value]) => this.#plain(`${name}: ${String(value)}`))
        .toSorted(),
      index: this.#relate(
        `${ask.method} ${ask.path.replaceAll(/[?&](?:index|wait)=\w+/g, '')}`,
        response.headers['x-consul-index'],
      ),
      body: tidied(this.#plain(body), ask.path.startsWith('/v1/catalog/services')),
      isLate: tookMs >= waitMsOf(ask.path),
    }
  }

  #remember(method: string, path: string, body: string): void {
    const isNew = path.startsWith('/v1/session/create') || (path.startsWith('/v1/query') && method === 'POST')
    const id = isNew ? /"ID": ?"([0-9a-f-]{36})"/.exec(body)?.[1] : undefined
    if (id !== undefined) {
      this.#names.set(id, `<id ${this.#names.size + 1}>`)
      this.#last.ID = id
    }
    this.#last.MOD = [...body.matchAll(/"ModifyIndex": ?(\d+)/g)].at(-1)?.[1] ?? this.#last.MOD
  }

  #relate(question: string, header: string | string[] | undefined): Answer['index'] {
    if (typeof header !== 'string') return 'none'
    const [index, before] = [BigInt(header), this.#indexes.get(question)]
    this.#indexes.set(question, index)
    this.#last.INDEX = header
    if (index === 0n) return 'zero'
    // Of events it is made from the id of the newest one, and does not count up.
    if (before === undefined || question.includes('/v1/event/list')) return 'first'
    return index === before ? 'same' : index > before ? 'rose' : 'fell'
  }

  #plain(text: string): string {
    return text
      .replaceAll(/\\u003c/g, '<')
      .replaceAll(/\\u003e/g, '>')
      .replaceAll(/\\u0026/g, '&')
      .replaceAll(uuid, (id) => this.#nameOf(id))
      .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
      .replaceAll(/modify index \d+/g, 'modify index <index>')
      .replaceAll(/"(CreateIndex|ModifyIndex|LTime|Index|LastIndex)":( ?)\d+/g, '"$1":$20')
  }

  /** Ids that the steps have made up stand for themselves, others for the order in which they were created. */
  #nameOf(id: string): string {
    return /^1{8}-/.test(id) ? id : (this.#names.get(id) ?? '<id>')
  }
}

function waitMsOf(path: string): number {
  const [, count = '', unit = 's'] = /[?&]wait=(\d+)(ms|s)(?:&|$)/.exec(path) ?? []
  return count === '' ? Infinity : Number(count) * (unit === 's' ? 1000 : 1)
}

/** JSON keeps its order of fields and its layout; lists of checks, of sessions and of queries have no order, and, where it is said, texts have none. */
function tidied(text: string, hasUnorderedTexts: boolean): string {
  if (!/^[{[]/.test(text)) return text
  try {
    const value = withoutOrder(JSON.parse(text), hasUnorderedTexts)
    return text.includes('\n') ? `${JSON.stringify(value, null, 4)}\n` : JSON.stringify(value)
  } catch {
    return text
  }
}

function withoutOrder(value: unknown, hasUnorderedTexts: boolean): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (!Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, name === 'ContentHash' ? '' : withoutOrder(inner, hasUnorderedTexts)]),
    )
  }
  const items: unknown[] = value.map((item) => withoutOrder(item, hasUnorderedTexts))
  if (hasUnorderedTexts && items.every((item) => typeof item === 'string')) return items.toSorted()
  const isUnordered = items.every(
    (item) => typeof item === 'object' && item !== null && ['CheckID', 'LockDelay', 'Template'].some((field) => field in item),
  )
  return isUnordered ? items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items
}
