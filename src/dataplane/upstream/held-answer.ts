import type { Downstream, HeaderList, ResponseHead } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'

/** An answer that is kept until it is whole, so that one which breaks off can be asked for again. */
export class HeldAnswer {
  readonly #status: number
  readonly #headers: HeaderList
  readonly #chunks: Buffer[] = []

  constructor(status: number, headers: HeaderList) {
    this.#status = status
    this.#headers = headers
  }

  add(chunk: Buffer): void {
    // The connection reads the next piece into the same memory.
    this.#chunks.push(Buffer.from(chunk))
  }

  /** Hands over all of it but its end. */
  release(downstream: Downstream, outgoing: (head: ResponseHead) => ResponseHead): void {
    downstream.head(outgoing({ status: this.#status, headers: this.#headers }))
    for (const chunk of this.#chunks) downstream.write(chunk)
  }
}

/** Whether an answer says that it is no longer than that; one that does not say its length may be a stream of events. */
export function isShort(headers: HeaderList, mostBytes: number): boolean {
  const length = fieldOf(headers, 'content-length')
  return length !== undefined && Number(length) <= mostBytes
}
