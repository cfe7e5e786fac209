import { Agent, type Dispatcher } from 'undici'
import type { NamedTarget } from '../dataplane/mesh/named-targets.ts'
import type { Endpoint } from '../dataplane/upstream/endpoint.ts'
import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { callRequest } from './call-request.ts'

/** Takes requests for an upgrade (WebSocket) to an instance; from there on the connection is the application's. Closed by the owner. */
export class Upgrades {
  #agent: Agent | null = null

  /** Tries one instance. Throws the code of why there is none. */
  send(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    target: NamedTarget & { readonly host: string },
  ): void {
    const { upstream, picker, host } = target
    const { head, headers } = callRequest({ ...options, body: null }, host)
    const endpoint = picker.pick({ request: head, trusted: true }, [])
    if (!endpoint) {
      const { code, detail } = picker.whyNone()
      throw new GatewayError(code, detail)
    }
    upstream.stats.attempts++
    this.#agent ??= new Agent()
    this.#agent.dispatch({ ...options, origin: `http://${endpoint.key}`, headers }, counted(handler, upstream, endpoint))
  }

  /** Ends what has not been agreed on yet. */
  async close(): Promise<void> {
    await this.#agent?.destroy()
  }
}

/** A handler that counts its request into the load of the endpoint until it ends. */
function counted(handler: Dispatcher.DispatchHandler, upstream: Upstream, endpoint: Endpoint): Dispatcher.DispatchHandler {
  let isCounted = true
  let isAnswered = false
  endpoint.inFlight++
  const leave = (): void => {
    if (isCounted) endpoint.inFlight--
    isCounted = false
  }
  return {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onRequestUpgrade: (controller, status, headers, socket) => {
      socket.once('close', leave)
      handler.onRequestUpgrade?.(controller, status, headers, socket)
    },
    onResponseStart: (controller, status, headers, message) => {
      // An instance that refuses has not failed, though its refusal is an error to whoever wants an upgrade and nothing else.
      isAnswered = true
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => {
      leave()
      handler.onResponseEnd?.(controller, trailers)
    },
    onResponseError: (controller, error) => {
      leave()
      // undici gives no controller where there was no connection.
      const isOurs = (controller as Dispatcher.DispatchController | null)?.aborted === true
      if (!isOurs && !isAnswered) upstream.noteFailure(endpoint, { code: 'upstream_reset', detail: messageOf(error) })
      handler.onResponseError?.(controller, error)
    },
  }
}
