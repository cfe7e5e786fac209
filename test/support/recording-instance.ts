import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'

export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** An instance that keeps what it is sent: the requests as a server understands them, and the bytes as they came. */
export interface RecordingInstance {
  readonly port: number
  readonly requests: RecordedRequest[]
  /** All bytes of all connections, one character per byte. */
  bytes(): string
  /** The bytes of each connection, in the order in which they were opened. */
  streams(): readonly string[]
  kill(): Promise<void>
}

/** Starts it; it answers 200 with an empty body once it has the whole request. The caller kills it. */
export async function startRecordingInstance(): Promise<RecordingInstance> {
  const requests: RecordedRequest[] = []
  let bytes = ''
  const streams: string[] = []
  const http = createHttpServer((incoming, response) => {
    const { method = '', url = '', headers, rawHeaders } = incoming
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('error', () => {})
    incoming.on('end', () => {
      requests.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('latin1') })
      response.end()
    })
  })
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    http.emit('connection', socket)
    // Only now: Node's parser reads past listeners that were there before it.
    const at = streams.push('') - 1
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      bytes += text
      streams[at] += text
    })
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  return {
    port: (tcp.address() as { port: number }).port,
    requests,
    bytes: () => bytes,
    streams: () => streams.slice(),
    kill: async () => {
      const closed = once(tcp, 'close')
      tcp.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
