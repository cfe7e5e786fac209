import { connect, type Socket } from 'node:net'
import { once } from 'node:events'

export interface HttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** A keep-alive connection with one request under way: as little work for the client as can be. The caller closes it. */
export class HttpConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #settle: ((answer: HttpAnswer) => void) | null = null
  #fail: ((error: Error) => void) | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#parse()
    })
    socket.on('error', (error) => this.#fail?.(error))
    socket.on('close', () => this.#fail?.(new Error('the server closed the connection')))
  }

  static async open(port: number): Promise<HttpConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new HttpConnection(socket)
  }

  request(method: string, path: string, body = ''): Promise<HttpAnswer> {
    const length = method === 'GET' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
    return new Promise((resolve, reject) => {
      this.#settle = resolve
      this.#fail = reject
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: bench\r\n${length}\r\n${body}`)
    })
  }

  close(): void {
    this.#fail = null
    this.#socket.destroy()
  }

  #parse(): void {
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const head = this.#received.toString('latin1', 0, headEnd)
    const found = bodyOf(this.#received, head, headEnd + 4)
    if (!found) return
    this.#received = this.#received.subarray(found.end)
    const settle = this.#settle
    this.#settle = this.#fail = null
    settle?.({ status: Number(head.slice(9, 12)), head, body: found.body })
  }
}

function bodyOf(received: Buffer, head: string, start: number): { readonly body: string; readonly end: number } | null {
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined && /transfer-encoding: chunked/i.test(head)) return chunksOf(received, start)
  const end = start + Number(length ?? 0)
  return received.length < end ? null : { body: received.toString('utf8', start, end), end }
}

function chunksOf(received: Buffer, start: number): { readonly body: string; readonly end: number } | null {
  let body = ''
  for (let at = start; ;) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const bytes = Number.parseInt(received.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + bytes + 2
    if (received.length < end) return null
    if (bytes === 0) return { body, end }
    body += received.toString('utf8', lineEnd + 2, end - 2)
    at = end
  }
}
