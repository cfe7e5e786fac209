import { systemRandom, type Clock, type Random } from '../../src/clock.ts'
import { createLogger } from '../../src/logging.ts'
import type { Downstream, LocalReply, RequestHead, ResponseHead } from '../../src/dataplane/exchange.ts'
import type { Filter, FilterDeps } from '../../src/dataplane/filters/filter.ts'
import { createFilter } from '../../src/dataplane/filters/table.ts'
import { ManualClock } from './manual-clock.ts'
import { requestHead } from './request-head.ts'

/** What filters are given in tests: a clock of its own, and nowhere to log. */
export function filterDeps({
  clock = new ManualClock(),
  random = systemRandom,
}: { clock?: Clock; random?: Random } = {}): FilterDeps {
  return { clock, random, logger: createLogger('silent', { write: () => {} }) }
}

/** A filter as config makes it. */
export function filterOf(kind: string, options: unknown, deps: Parameters<typeof filterDeps>[0] = {}): Filter {
  return createFilter({ kind, options }, filterDeps(deps))
}

/** Runs the request's side; the caller is the peer unless `address` says otherwise. */
export function ask(filter: Filter, request: RequestHead = requestHead(), address = request.clientAddress) {
  return filter.onRequest?.(request, { request: { ...request, clientAddress: address }, trusted: false })
}

/** What the client of a request sees of a filter that decides by itself: its reply, or what became of an empty 200. */
export async function answerOf(
  filter: Filter,
  request: RequestHead = requestHead(),
  address?: string,
): Promise<ResponseHead & { code?: string }> {
  const reply = await ask(filter, request, address)
  const head = { status: reply?.status ?? 200, headers: [...(reply?.headers ?? [])] }
  filter.onResponse?.(head, request)
  return reply?.failure ? { ...head, code: reply.failure.code } : head
}

/** The code under which a reply is counted. */
export function codeOf(reply: LocalReply | undefined): string | undefined {
  return reply?.failure?.code
}

/** A client that keeps what it gets. `writable = false` makes it a slow one. */
export class KeptDownstream implements Downstream {
  started = false
  gone = false
  status = 0
  headers: string[] = []
  ended = false
  destroyed = false
  writable = true
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly chunks: Buffer[] = []

  get bytes(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0)
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks)
  }

  head({ status, headers }: ResponseHead): void {
    this.started = true
    this.status = status
    this.headers = headers
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk))
    return this.writable
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }

  leave(): void {
    this.gone = true
    this.onGone?.()
  }
}
