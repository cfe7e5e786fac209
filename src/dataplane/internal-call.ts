import type { Clock } from '../clock.ts'
import type { Downstream, Exchange, Failure, HeaderList, ResponseHead } from './exchange.ts'

export interface InternalCall {
  readonly method: string
  /** The service's name, which becomes the Host. */
  readonly service: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Names the call in logs. */
  readonly requestId: string
  /** Ends the call. */
  readonly signal: AbortSignal
}

/** Takes the place of a client for a call that the gateway makes itself: it keeps the status and drops the body. */
class InternalDownstream implements Downstream {
  started = false
  gone = false
  status = 0
  bytes = 0
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly #onEnd: (status: number | null) => void

  constructor(onEnd: (status: number | null) => void) {
    this.#onEnd = onEnd
  }

  head({ status }: ResponseHead): void {
    this.started = true
    this.status = status
  }

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    return true
  }

  end(): void {
    this.#onEnd(this.status)
  }

  destroy(): void {
    this.#onEnd(null)
  }

  leave(): void {
    this.gone = true
    this.onGone?.()
    this.#onEnd(null)
  }
}

/** How a call of the gateway's own ended. */
export interface InternalAnswer {
  /** Of the answer; null: it was cut, or ended by its signal. */
  readonly status: number | null
  /** Set if no service gave the answer, and why. */
  readonly failure: Failure | null
}

/** Sends a call of the gateway's own the way of every exchange. Resolves when it has ended, however that was. */
export function callInternally(call: InternalCall, clock: Clock, serve: (exchange: Exchange) => void): Promise<InternalAnswer> {
  return new Promise((resolve) => {
    const { signal } = call
    let failure: Failure | null = null
    const onFailure = (found: Failure): void => void (failure = found)
    const downstream = new InternalDownstream((status) => {
      signal.removeEventListener('abort', leave)
      resolve({ status, failure })
    })
    const leave = (): void => downstream.leave()
    if (signal.aborted) return resolve({ status: null, failure })
    signal.addEventListener('abort', leave, { once: true })
    serve({ request: requestOf(call), body: null, downstream, tunnel: null, trusted: true, onFailure, since: clock.monotonic() })
  })
}

function requestOf({ method, service, path, headers, requestId }: InternalCall): Exchange['request'] {
  const list: HeaderList = ['Host', service, ...Object.entries(headers).flat()]
  const queryAt = path.indexOf('?')
  return {
    method,
    authority: service,
    host: service,
    path: queryAt < 0 ? path : path.slice(0, queryAt),
    query: queryAt < 0 ? '' : path.slice(queryAt),
    headers: list,
    clientAddress: '127.0.0.1',
    requestId,
  }
}
