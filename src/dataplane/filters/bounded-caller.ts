import { Agent, request } from 'undici'
import { z } from 'zod'
import type { Clock } from '../../clock.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import type { HeaderList } from '../exchange.ts'

export interface CallBounds {
  /** For the whole answer, ms. */
  readonly timeoutMs: number
  /** Of the answer's body. */
  readonly maxBytes: number
  /** Calls under way at once. */
  readonly maxCalls: number
}

export interface CallAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: HeaderList
  readonly body: Buffer
}

/** A URL that a filter may ask. */
export const callUrl = z.string().refine((text) => {
  const url = /^https?:\/\/[^/?#]/.test(text) ? URL.parse(text) : null
  return url !== null && url.username === '' && url.password === '' && url.hash === ''
}, 'must be an absolute URL without user and fragment: write http://auth.internal:9000/check')

/** Asks a service that helps a filter to decide, within bounds; redirects are answers like others. The caller closes it. */
export class BoundedCaller {
  readonly #bounds: CallBounds
  readonly #clock: Clock
  readonly #agent: Agent
  #calls = 0

  constructor(bounds: CallBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
    const { timeoutMs, maxCalls } = bounds
    this.#agent = new Agent({
      connections: maxCalls,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
  }

  /** Resolves with the whole answer. Throws `auth_unavailable` for none, a late or too long one, and when too many calls are under way. */
  async get(url: string, headers: HeaderList): Promise<CallAnswer> {
    const { timeoutMs, maxCalls } = this.#bounds
    if (this.#calls >= maxCalls)
      throw new GatewayError('auth_unavailable', `${this.#calls} calls of ${url} are under way already`)
    const ending = new AbortController()
    const timer = this.#clock.after(timeoutMs, () => ending.abort(new Error(`no whole answer within ${timeoutMs} ms`)))
    this.#calls++
    try {
      return await this.#ask(url, headers, ending.signal)
    } catch (error) {
      throw new GatewayError('auth_unavailable', `${url}: ${messageOf(error)}`, { cause: error })
    } finally {
      this.#calls--
      timer.cancel()
    }
  }

  close(): void {
    void this.#agent.destroy()
  }

  async #ask(url: string, headers: HeaderList, signal: AbortSignal): Promise<CallAnswer> {
    const { statusCode: status, headers: received, body } = await request(url, { dispatcher: this.#agent, headers, signal })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length
      if (bytes > this.#bounds.maxBytes) throw new Error(`the answer is longer than ${this.#bounds.maxBytes} bytes`)
      chunks.push(chunk as Buffer)
    }
    const list = Object.entries(received).flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [name, one]))
    return { status, headers: list, body: Buffer.concat(chunks) }
  }
}
