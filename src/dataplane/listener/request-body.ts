import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { GatewayError } from '../../errors.ts'

/**
 * The body of a request as a stream of its own. Destroying it leaves the client's connection alone, so that a failed attempt can still be
 * answered; destroying the IncomingMessage itself would take the connection with it.
 */
export class RequestBodyStream extends Readable {
  readonly #source: IncomingMessage
  #attached = false

  constructor(source: IncomingMessage) {
    super({ autoDestroy: true })
    this.#source = source
    // Whoever read it may have left before it broke.
    this.on('error', () => {})
  }

  override _read(): void {
    if (!this.#attached) this.#attach()
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const source = this.#source
    // The rest is of no use to anybody, but it stands before the end of the request on the wire.
    source.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onBroken).off('close', this.#onBroken)
    source.on('error', () => {})
    source.resume()
    callback(error)
  }

  #attach(): void {
    this.#attached = true
    this.#source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBroken).on('close', this.#onBroken)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }

  readonly #onBroken = (): void => {
    if (this.#source.complete) return
    this.destroy(new GatewayError('client_gone', 'the client closed its connection before the end of the request body'))
  }
}
