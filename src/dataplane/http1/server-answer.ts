import type { Downstream, HeaderList, ResponseHead } from '../exchange.ts'
import { isField } from '../../http1/field.ts'
import type { Outbox } from '../../http1/outbox.ts'
import type { ParsedRequest } from './request-head.ts'
import { statusLine } from '../../http1/status-line.ts'

/** The connection that an answer goes out on. */
export interface AnswerPort {
  readonly outbox: Outbox
  /** Whether the connection has to end with this answer, whatever the client wants. */
  readonly isLastAnswer: boolean
  dateField(): string
  /** The answer is whole. */
  onAnswered(closes: boolean): void
  /** Cuts the connection; `reset`: so that its end is not taken for the end of the answer. */
  cut(reset: boolean): void
}

/** The client's side of one exchange on a connection of ours. */
export class ServerAnswer implements Downstream {
  started = false
  gone = false
  status = 0
  bytes = 0
  onDrain: (() => void) | null = null
  onGone: (() => void) | null = null
  readonly #port: AnswerPort
  readonly #isHead: boolean
  readonly #isHttp10: boolean
  #closes: boolean
  #hasBody = true
  #isChunked = false
  /** Of an answer with a length, bytes. */
  #left = Infinity
  #ended = false

  constructor(port: AnswerPort, request: ParsedRequest | null) {
    this.#port = port
    this.#isHead = request?.method === 'HEAD'
    this.#isHttp10 = request?.isHttp10 ?? false
    this.#closes = !request?.persists
  }

  get isHolding(): boolean {
    return this.#port.outbox.isHolding
  }

  /** RFC 9110 §15.2: not to a client of HTTP/1.0. */
  interim({ status, headers }: ResponseHead): void {
    if (this.started || this.#isHttp10 || this.gone) return
    this.#port.outbox.add(`${statusLine(status)}${fieldLines(headers)}\r\n`)
  }

  head({ status, headers }: ResponseHead): void {
    this.started = true
    this.status = status
    this.#hasBody = !this.#isHead && status !== 204 && status !== 304
    this.#closes ||= this.#port.isLastAnswer
    let text = statusLine(status)
    let hasDate = false
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const [name = '', value = ''] = [headers[i], headers[i + 1]]
      if (name.length === 14 && isField(name, 'content-length')) {
        // RFC 9110 §8.6: not with a status that has no body.
        if (status === 204) continue
        this.#left = Number(value)
      } else if (name.length === 4 && isField(name, 'date')) hasDate = true
      text += `${name}: ${value}\r\n`
    }
    if (!hasDate) text += this.#port.dateField()
    this.#port.outbox.add(`${text}${this.#framing()}\r\n`)
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#hasBody || this.gone || chunk.length === 0) return true
    this.bytes += chunk.length
    this.#left -= chunk.length
    if (this.#left < 0) return this.#breakOff()
    const { outbox } = this.#port
    return this.#isChunked ? outbox.write(chunk, `${chunk.length.toString(16)}\r\n`, '\r\n') : outbox.write(chunk, '', '')
  }

  end(): void {
    if (this.#ended || this.gone) return
    // An answer with a length that is not met must not be taken for whole, nor the next one for its end.
    if (this.#hasBody && this.#left !== Infinity && this.#left !== 0) return void this.#breakOff()
    this.#ended = true
    if (this.#isChunked) this.#port.outbox.add('0\r\n\r\n')
    this.#port.onAnswered(this.#closes)
  }

  destroy(): void {
    if (this.gone || this.#ended) return
    // Where the close is the end of the answer, only a reset tells that it is not whole.
    this.#port.cut(this.started && this.#isHttp10)
  }

  /** The client has left. */
  leave(): void {
    this.gone = true
    if (!this.#ended) this.onGone?.()
  }

  /** RFC 9112 §6.1, §9.3. */
  #framing(): string {
    this.#isChunked = this.#hasBody && this.#left === Infinity && !this.#isHttp10
    const isEndedByClose = this.#hasBody && this.#left === Infinity && this.#isHttp10
    this.#closes ||= isEndedByClose
    const connection = this.#closes ? 'Connection: close\r\n' : this.#isHttp10 ? 'Connection: keep-alive\r\n' : ''
    return this.#isChunked ? `${connection}Transfer-Encoding: chunked\r\n` : connection
  }

  #breakOff(): boolean {
    this.#port.cut(true)
    return true
  }
}

function fieldLines(headers: HeaderList): string {
  let text = ''
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return text
}
