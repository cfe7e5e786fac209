import type { Readable } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'
import { GatewayError, messageOf } from '../errors.ts'
import type { RegistryTarget } from './registry-options.ts'

export interface RegistryRequest {
  readonly method: 'GET' | 'PUT'
  /** Percent-encoded, with its query. */
  readonly path: string
  readonly body?: Buffer | Readable
  readonly bodyBytes?: number
  /** Statuses other than 200 that are answers too. */
  readonly expect?: readonly number[]
}

/** Asks a running registry. `close` ends its connections. */
export class RegistryConnection {
  readonly #target: RegistryTarget
  readonly #agent: Agent

  constructor(target: RegistryTarget) {
    this.#target = target
    const { ca } = target
    // A certificate of the config is trusted by itself; whether it names this host is its owner's affair.
    const connect = ca ? { ca, allowPartialTrustChain: true, checkServerIdentity: () => undefined } : {}
    this.#agent = new Agent({ connect, connections: 8, headersTimeout: 60_000, bodyTimeout: 60_000 })
  }

  /** Throws `registry_unavailable` without an answer, and `registry_refused` with one that was not expected. */
  async send(request: RegistryRequest): Promise<Dispatcher.ResponseData> {
    const answer = await this.#exchange(request)
    if (answer.statusCode === 200 || request.expect?.includes(answer.statusCode)) return answer
    const text = (await answer.body.text()).trim()
    const hint = answer.statusCode === 403 ? ' (--token, or CONSUL_HTTP_TOKEN)' : ''
    const what = `the registry at ${this.#target.origin} answered ${answer.statusCode}${text ? `: ${text}` : ''}${hint}`
    throw new GatewayError('registry_refused', what)
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #exchange({ method, path, body, bodyBytes }: RegistryRequest): Promise<Dispatcher.ResponseData> {
    const { origin, token } = this.#target
    const headers = {
      ...(token === null ? {} : { 'x-consul-token': token }),
      ...(bodyBytes === undefined ? {} : { 'content-length': String(bodyBytes) }),
    }
    try {
      return await this.#agent.request({ origin, path, method, headers, ...(body === undefined ? {} : { body }) })
    } catch (error) {
      const what = `no answer of a registry at ${origin}: ${messageOf(error)}; is it running, and is this its address? (--http HOST:PORT)`
      throw new GatewayError('registry_unavailable', what, { cause: error })
    }
  }
}
