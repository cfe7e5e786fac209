import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Takes an answer; `text` is all of it, one character per octet, valid until the next one. */
export type AnswerTaker = (status: number, text: string) => void

/** All connections are read into this, one after the other: no memory is made for each answer, and no stream is passed. */
const memory = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * A keep-alive connection with one request under way, and as little work for the client as can be: it looks at the status and at the length,
 * and makes no promise. The caller closes it.
 */
export class HttpConnection {
  readonly #socket: Socket
  /** What has come of an answer that came in pieces. */
  #pieces = ''
  #take: AnswerTaker = ignore
  #fail: (error: Error) => void = ignore

  private constructor(port: number) {
    const callback = (length: number): boolean => {
      this.#read(memory.toString('latin1', 0, length))
      return true
    }
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: memory, callback } })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static async open(port: number): Promise<HttpConnection> {
    const connection = new HttpConnection(port)
    await once(connection.#socket, 'connect')
    return connection
  }

  /** Says who is told of answers from now on, and of the end of the connection. */
  listen(take: AnswerTaker, fail: (error: Error) => void): void {
    this.#take = take
    this.#fail = fail
  }

  /** Sends a request as {@link requestText} makes it. */
  send(request: string): void {
    this.#socket.write(request, 'latin1')
  }

  /** Sends one and resolves with the answer to it. */
  ask(request: string): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      this.listen((status, text) => resolve({ status, text }), reject)
      this.send(request)
    })
  }

  close(): void {
    this.#fail = ignore
    this.#socket.destroy()
  }

  #read(piece: string): void {
    const text = this.#pieces + piece
    const headEnd = text.indexOf('\r\n\r\n')
    if (headEnd < 0 || !isWhole(text, headEnd)) {
      this.#pieces = text
      return
    }
    this.#pieces = ''
    this.#take(statusOf(text), text)
  }
}

/** A request whose body is ASCII. */
export function requestText(method: string, path: string, body = ''): string {
  const length = method === 'GET' ? '' : `Content-Length: ${body.length}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${length}\r\n${body}`
}

/** The body of an answer that has a length. */
export function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

// Both servers write the field like that, and chunks where they do not; what they answer here has no line end in it.
function isWhole(text: string, headEnd: number): boolean {
  const at = text.indexOf('Content-Length: ')
  if (at < 0 || at > headEnd) return text.endsWith('\r\n0\r\n\r\n')
  return text.length >= headEnd + 4 + Number.parseInt(text.slice(at + 16, at + 26), 10)
}

function statusOf(text: string): number {
  return (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + text.charCodeAt(11) - 48
}

function ignore(): void {}
