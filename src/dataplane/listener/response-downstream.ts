import type { ServerResponse } from 'node:http'
import type { Downstream, ResponseHead } from '../exchange.ts'

/** The client's side over a `node:http` response. */
export class ResponseDownstream implements Downstream {
  started = false
  gone = false
  status = 0
  bytes = 0
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly #response: ServerResponse
  #waitsForDrain = false
  #ended = false

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('error', ignore)
    response.on('close', this.#onClose)
  }

  head({ status, headers }: ResponseHead): void {
    // An answer before the end of the request body: what is left of it must not be read as the next request.
    if (!this.#response.req.complete) this.#response.shouldKeepAlive = false
    // It throws for a field that no client may get: then nothing has gone out.
    this.#response.writeHead(status, headers)
    this.started = true
    this.status = status
  }

  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    if (this.#response.write(chunk)) return true
    if (!this.#waitsForDrain) {
      this.#waitsForDrain = true
      this.#response.once('drain', this.#onDrained)
    }
    return false
  }

  end(): void {
    this.#ended = true
    this.#response.end()
  }

  destroy(): void {
    this.#response.destroy()
  }

  readonly #onDrained = (): void => {
    this.#waitsForDrain = false
    this.onDrain?.()
  }

  readonly #onClose = (): void => {
    if (this.#ended) return
    this.gone = true
    this.onGone?.()
  }
}

// A broken connection is told by 'close' as well; without a listener the 'error' would end the process.
function ignore(): void {}
