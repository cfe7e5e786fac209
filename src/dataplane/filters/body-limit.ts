import { z } from 'zod'
import { GatewayError } from '../../errors.ts'
import { fieldOf } from '../../http1/field.ts'
import { refusal } from '../reply.ts'
import { TappedStream, type Tap } from '../tapped-stream.ts'
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
      onRequestBody: (body) =>
        body.lengthBytes === null ? { ...body, stream: new TappedStream(body.stream, limitTo(maxBytes)) } : body,
    }
  },
}

/** Breaks with `body_too_large` when more has come than may. */
function limitTo(maxBytes: number): Tap {
  let seenBytes = 0
  return {
    onPiece: ({ length }) => {
      seenBytes += length
      return seenBytes > maxBytes ? new GatewayError('body_too_large', `the body is larger than ${maxBytes} bytes`) : null
    },
    onEnd: () => {},
    onClose: () => {},
  }
}
