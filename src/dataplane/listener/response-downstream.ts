import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Downstream, HeaderList, ResponseHead } from '../exchange.ts'
import { fieldOf, isField, keepFields } from '../http/header-list.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { endLingering } from './lingering-close.ts'

/** The client's side over a `node:http` response. */
export class ResponseDownstream implements Downstream {
  started = false
  gone = false
  status = 0
  bytes = 0
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly #response: ServerResponse
  readonly #rules: ConnectionRules
  #waitsForDrain = false
  #ended = false

  constructor(response: ServerResponse, rules: ConnectionRules) {
    this.#response = response
    this.#rules = rules
    response.on('error', ignore)
    response.on('close', this.#onClose)
  }

  head({ status, headers }: ResponseHead): void {
    const response = this.#response
    if (this.#rules.draining) response.shouldKeepAlive = false
    // What is left of the request body must not be read as the next request.
    if (!response.req.complete && hasBody(response.req)) this.closeAfterwards()
    // It throws for a field that no client may get: then nothing has gone out.
    response.writeHead(status, lengthLast(headers))
    this.started = true
    this.status = status
    // Node sends the head with the first piece of the body, for which a stream of events may let the client wait.
    if (fieldOf(headers, 'content-length') === undefined) queueMicrotask(this.#flushHead)
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
    const { socket } = this.#response
    this.#response.end()
    // A client that never reads the end of an answer must not hold its connection for ever.
    if (socket && socket.writableLength > 0) socket.setTimeout(this.#rules.unreadMs)
  }

  destroy(): void {
    const { socket, req } = this.#response
    // Where the close is the end of the answer, only a reset tells that it is not whole.
    if (this.started && socket && req.httpVersion === '1.0') socket.resetAndDestroy()
    this.#response.destroy()
  }

  /** Ends the connection with this answer, so that the client can read it; to be said before the head. */
  closeAfterwards(): void {
    const { socket } = this.#response
    this.#response.shouldKeepAlive = false
    if (socket) socket.destroySoon = () => endLingering(socket, this.#rules.clock)
  }

  readonly #flushHead = (): void => {
    if (this.bytes === 0 && !this.#ended && !this.#response.destroyed) this.#response.flushHeaders()
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

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Behind a length, Node would take the bytes of a Content-Disposition for UTF-8 and send others. */
function lengthLast(headers: HeaderList): HeaderList {
  const length = fieldOf(headers, 'content-length')
  if (length === undefined || fieldOf(headers, 'content-disposition') === undefined) return headers
  const others = headers.slice()
  keepFields(others, (name) => !isField(name, 'content-length'))
  return [...others, 'content-length', length]
}

// A broken connection is told by 'close' as well; without a listener the 'error' would end the process.
function ignore(): void {}
