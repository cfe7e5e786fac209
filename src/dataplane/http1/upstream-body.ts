import type { Readable } from 'node:stream'
import { GatewayError, messageOf } from '../../errors.ts'
import type { Failure } from '../exchange.ts'
import { BodyStream } from './incoming-body.ts'
import type { Outbox } from '../../http1/outbox.ts'
import { giveBackPiece } from './piece-memory.ts'

/** Who sends a body: it is told how that goes. */
export interface BodyOwner {
  /** A piece of it went out, or all of it did. */
  onBodyProgress(complete: boolean): void
  /** It broke off on its way here. */
  onBodyBroken(failure: Failure): void
}

/** Sends a streamed body up, as fast as the upstream takes it. */
export class UpstreamBody {
  readonly #stream: Readable
  readonly #outbox: Outbox
  readonly #isChunked: boolean
  readonly #owner: BodyOwner
  /** Pieces that the system may still look at. */
  #onTheirWay: Buffer[] = []

  constructor(stream: Readable, { outbox, isChunked, owner }: { outbox: Outbox; isChunked: boolean; owner: BodyOwner }) {
    this.#stream = stream
    this.#outbox = outbox
    this.#isChunked = isChunked
    this.#owner = owner
    stream.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError)
    if (stream.errored) this.#onError(stream.errored)
  }

  /** The upstream takes more. */
  resume(): void {
    this.#giveBack()
    this.#stream.resume()
    this.#owner.onBodyProgress(false)
  }

  /** Sends no more of it. */
  leave(): void {
    this.#stream.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError)
    this.#stream.pause()
  }

  readonly #onData = (chunk: Buffer): void => {
    const before = this.#isChunked ? `${chunk.length.toString(16)}\r\n` : ''
    const goesOn = this.#outbox.write(chunk, before, this.#isChunked ? '\r\n' : '')
    this.#onTheirWay.push(chunk)
    this.#giveBack()
    if (goesOn) this.#owner.onBodyProgress(false)
    else this.#stream.pause()
  }

  /** Only what came straight from the client's connection, and to nobody else: who filters or copies a body may keep pieces of it. */
  #giveBack(): void {
    if (!this.#outbox.isTaken) return
    const pieces = this.#onTheirWay
    this.#onTheirWay = []
    if (!(this.#stream instanceof BodyStream) || this.#stream.listenerCount('data') > 1) return
    for (const piece of pieces) giveBackPiece(piece)
  }

  readonly #onEnd = (): void => {
    if (this.#isChunked) this.#outbox.add('0\r\n\r\n')
    this.#outbox.flush()
    this.#owner.onBodyProgress(true)
  }

  readonly #onError = (error: Error): void => {
    // The stream says itself what ended it, and so does a filter.
    const code = error instanceof GatewayError ? error.code : 'client_gone'
    this.#owner.onBodyBroken({ code, detail: messageOf(error) })
  }
}
