import { GatewayError } from '../../errors.ts'
import { valueOctets } from '../../http1/octets.ts'
import type { Outbox } from '../../http1/outbox.ts'
import { statusLine } from '../../http1/status-line.ts'
import type { RequestHead } from './request-head.ts'

/** The connection that a reply goes out on. */
export interface ReplyPort {
  readonly outbox: Outbox
  /** Whether the connection has to end with this reply, whatever the client wants. */
  readonly isLastReply: boolean
  dateField(): string
  /** The reply is whole. */
  onReplied(closes: boolean): void
  /** Ends the connection at once. */
  destroy(): void
}

/** The answer to one request: `send`, or `begin` and what follows. Sent to a client that has left it goes nowhere. */
export class Reply {
  /** 0: it has not begun. */
  status = 0
  isGone = false
  /** Called when the client leaves, or says that it will send no more, before it has the whole answer. */
  onGone: (() => void) | null = null
  /** Called when the answer is whole. */
  onSent: (() => void) | null = null
  readonly #port: ReplyPort
  readonly #isHead: boolean
  readonly #isHttp10: boolean
  #closes: boolean

  constructor(port: ReplyPort, request: RequestHead | null) {
    this.#port = port
    this.#isHead = request?.method === 'HEAD'
    this.#isHttp10 = request?.isHttp10 ?? false
    this.#closes = !request?.persists
  }

  /** What the client has not taken yet, bytes. */
  get waitingBytes(): number {
    return this.#port.outbox.waitingBytes
  }

  /** Answers whole. `headers`: names and values in turn. */
  send(status: number, headers: readonly string[], body: string | Uint8Array): void {
    if (this.isGone) return
    const isText = typeof body === 'string'
    const bytes = isText ? Buffer.byteLength(body) : body.length
    const head = `${this.#head(status, headers)}Content-Length: ${bytes}\r\n\r\n`
    const { outbox } = this.#port
    if (this.#isHead || bytes === 0) outbox.add(head)
    else if (isText && bytes === body.length) outbox.add(head + body)
    else outbox.write(isText ? Buffer.from(body) : body, head, '')
    this.#finish()
  }

  /** Begins an answer whose length nobody knows; {@link write} and {@link end} follow. */
  begin(status: number, headers: readonly string[]): void {
    if (this.isGone) return
    // RFC 9112 §6.1: a client of HTTP/1.0 knows no chunks; the end of the connection is the end of the answer.
    this.#closes ||= this.#isHttp10
    this.#port.outbox.add(`${this.#head(status, headers)}${this.#isHttp10 ? '' : 'Transfer-Encoding: chunked\r\n'}\r\n`)
  }

  write(text: string): void {
    if (this.isGone || text === '') return
    const bytes = Buffer.from(text)
    const { outbox } = this.#port
    if (this.#isHttp10) outbox.write(bytes, '', '')
    else outbox.write(bytes, `${bytes.length.toString(16)}\r\n`, '\r\n')
  }

  end(): void {
    if (this.isGone) return
    if (!this.#isHttp10) this.#port.outbox.add('0\r\n\r\n')
    this.#finish()
  }

  /** Cuts the connection: the only way to say that an answer that has begun is broken. */
  destroy(): void {
    this.#port.destroy()
  }

  /** The client has left. */
  leave(): void {
    this.isGone = true
    this.onGone?.()
  }

  #head(status: number, headers: readonly string[]): string {
    this.status = status
    this.#closes ||= this.#port.isLastReply
    let text = statusLine(status)
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const [name = '', value = ''] = [headers[i], headers[i + 1]]
      assertValue(name, value)
      text += `${name}: ${value}\r\n`
    }
    text += this.#port.dateField()
    if (this.#closes) return `${text}Connection: close\r\n`
    return this.#isHttp10 ? `${text}Connection: keep-alive\r\n` : text
  }

  #finish(): void {
    this.onGone = null
    this.#port.onReplied(this.#closes)
    this.onSent?.()
  }
}

/** RFC 9110 §5.5: an octet that ends the line would let what somebody stored become a field of ours. */
function assertValue(name: string, value: string): void {
  for (let i = 0; i < value.length; i++) {
    if (valueOctets[value.charCodeAt(i)] !== 1)
      throw new GatewayError('internal', `the field ${name} has a value that no field may have`)
  }
}
