import type { Clock } from '../clock.ts'
import { nameProblem } from '../name-problem.ts'
import type { Downstream, Exchange, Failure, HeaderList, ResponseHead } from './exchange.ts'
import { originTarget } from './http/target-path.ts'

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

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
    const request = requestOf(call)
    if ('code' in request) return resolve({ status: null, failure: request })
    let failure: Failure | null = null
    const onFailure = (found: Failure): void => void (failure = found)
    const downstream = new InternalDownstream((status) => {
      signal.removeEventListener('abort', leave)
      resolve({ status, failure })
    })
    const leave = (): void => downstream.leave()
    if (signal.aborted) return resolve({ status: null, failure })
    signal.addEventListener('abort', leave, { once: true })
    serve({ request, body: null, downstream, tunnel: null, trusted: true, onFailure, since: clock.thisTurn() })
  })
}

/** No listener has read what others have written here: a character that is no octet of a target would end the line on the wire. */
function requestOf({ method, service, path, headers, requestId }: InternalCall): Exchange['request'] | Failure {
  const target = originTarget(path)
  if (!target) return { code: 'bad_target', detail: `${JSON.stringify(path)} is not a path with its query` }
  if (nameProblem(service) !== null)
    return { code: 'bad_host', detail: `${JSON.stringify(service)} is not the name of a service` }
  if (!methods.has(method))
    return { code: 'method_not_supported', detail: `${JSON.stringify(method)} is not one of ${[...methods].join(', ')}` }
  const list: HeaderList = ['Host', service, ...Object.entries(headers).flat()]
  return {
    method,
    authority: service,
    host: service,
    path: target.path,
    query: target.query,
    headers: list,
    clientAddress: '127.0.0.1',
    requestId,
  }
}
