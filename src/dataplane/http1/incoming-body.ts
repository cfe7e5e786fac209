import { Readable } from 'node:stream'
import type { GatewayError } from '../../errors.ts'
import type { RequestBody } from '../exchange.ts'

/** The body of a request while it comes in. It holds what has come until somebody asks for it; the stream is made only then. */
export class IncomingBody implements RequestBody {
  readonly lengthBytes: number | null
  /** Called when the rest is wanted: by a reader, or only so that it is out of the way. */
  onWanted: ((isDropped: boolean) => void) | null = null
  #held: Buffer[] = []
  #isComplete = false
  #problem: GatewayError | null = null
  #stream: BodyStream | null = null

  constructor(lengthBytes: number | null) {
    this.lengthBytes = lengthBytes
  }

  // Getters of the class, so that a filter that spreads a body to replace its stream does not take this along.
  get whole(): Buffer | undefined {
    if (!this.#isComplete || this.#stream || this.lengthBytes === null) return undefined
    const only = this.#held[0]
    return only && this.#held.length === 1 ? only : Buffer.concat(this.#held)
  }

  get stream(): Readable {
    if (this.#stream) return this.#stream
    const stream = (this.#stream = new BodyStream((isDropped) => this.onWanted?.(isDropped)))
    for (const chunk of this.#held.splice(0)) stream.push(chunk)
    if (this.#isComplete) stream.push(null)
    if (this.#problem) stream.destroy(this.#problem)
    return stream
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Whether the connection is to be read on for it. */
  get isWanted(): boolean {
    return this.#stream ? this.#stream.isWanted : this.#held.length === 0
  }

  add(chunk: Buffer): void {
    if (this.#stream) this.#stream.accept(chunk)
    else this.#held.push(chunk)
  }

  finish(): void {
    this.#isComplete = true
    this.#stream?.push(null)
  }

  break(problem: GatewayError): void {
    if (this.#isComplete) return
    this.#problem = problem
    this.#stream?.destroy(problem)
  }
}

/** Destroying it leaves the client's connection alone: a failed attempt can still be answered. */
export class BodyStream extends Readable {
  isWanted = false
  readonly #onWanted: (isDropped: boolean) => void

  constructor(onWanted: (isDropped: boolean) => void) {
    super({ autoDestroy: true })
    this.#onWanted = onWanted
    // Whoever read it may have left before it broke.
    this.on('error', () => {})
  }

  accept(chunk: Buffer): void {
    if (!this.destroyed) this.isWanted = this.push(chunk)
  }

  override _read(): void {
    this.isWanted = true
    this.#onWanted(false)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // The rest is of no use to anybody, but it stands before the end of the request on the wire.
    this.isWanted = true
    this.#onWanted(true)
    callback(error)
  }
}
