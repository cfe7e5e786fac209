import { Readable } from 'node:stream'

/** Who watches a stream go by. */
export interface Tap {
  /** Sees each piece before it is handed on; an error breaks the stream. */
  onPiece(chunk: Buffer): Error | null
  onEnd(): void
  /** It ends here, broken or not wanted any more; after `onEnd` it means nothing. */
  onClose(): void
}

/** Hands a stream on as it is read, past somebody who watches. Destroying it destroys the stream that it was made of. */
export class TappedStream extends Readable {
  readonly #source: Readable
  readonly #tap: Tap
  #attached = false

  constructor(source: Readable, tap: Tap) {
    super()
    this.#source = source
    this.#tap = tap
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
    this.#tap.onClose()
    callback(error)
  }

  #attach(): void {
    this.#attached = true
    this.#source.on('data', this.#onData).on('end', this.#onEnd)
    this.#source.on('error', (error: Error) => this.destroy(error))
  }

  readonly #onData = (chunk: Buffer): void => {
    const error = this.#tap.onPiece(chunk)
    if (error) return void this.destroy(error)
    if (!this.push(chunk)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.#tap.onEnd()
    this.push(null)
  }
}
