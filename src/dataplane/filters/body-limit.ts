import { Readable } from 'node:stream'
import { z } from 'zod'
import { GatewayError } from '../../errors.ts'
import { fieldOf } from '../http/header-list.ts'
import { refusal } from '../reply.ts'
import type { FilterKind } from './filter.ts'
import { bytesOf, sizeText } from './scalar-options.ts'

const options = z
  .strictObject({
    max: sizeText.meta({ description: 'The largest body, with its unit: B, KiB, MiB or GiB.', examples: ['10MiB'] }),
  })
  .describe(
    'Refuses requests with a larger body with 413: at once if they say so in Content-Length, else as soon as more has come; the service then sees a request that breaks off.',
  )

/** `bodyLimit: { max: 10MiB }` */
export const bodyLimit: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ max }) => {
    const maxBytes = bytesOf(max)
    return {
      onRequest: (request) => {
        const length = Number(fieldOf(request.headers, 'content-length') ?? 0)
        if (length <= maxBytes) return undefined
        return refusal(request, 'body_too_large', { detail: `Content-Length is ${length}, at most ${max} is allowed` })
      },
      // A length that is told has been looked at, and no more than that can come.
      onRequestBody: (body) => (body.lengthBytes === null ? { ...body, stream: new LimitedStream(body.stream, maxBytes) } : body),
    }
  },
}

/** Hands a stream on as it is read, and breaks with `body_too_large` when more has come than may. */
class LimitedStream extends Readable {
  readonly #source: Readable
  readonly #maxBytes: number
  #seenBytes = 0
  #attached = false

  constructor(source: Readable, maxBytes: number) {
    super()
    this.#source = source
    this.#maxBytes = maxBytes
    // Whoever read it may have left before it broke.
    this.on('error', () => {})
  }

  override _read(): void {
    if (!this.#attached) this.#attach()
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#source.off('data', this.#onData).off('end', this.#onEnd)
    this.#source.destroy()
    callback(error)
  }

  #attach(): void {
    this.#attached = true
    this.#source.on('data', this.#onData).on('end', this.#onEnd)
    this.#source.on('error', (error: Error) => this.destroy(error))
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#seenBytes += chunk.length
    if (this.#seenBytes > this.#maxBytes)
      return void this.destroy(new GatewayError('body_too_large', `the body is larger than ${this.#maxBytes} bytes`))
    if (!this.push(chunk)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }
}
