import { Agent, createServer, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'

/** A message as a parser understands it; one character per octet. */
export interface ReadMessage {
  /** Method and target, or the status. */
  readonly start: string
  readonly headers: readonly string[]
  readonly body: string
}

/** What a parser made of some octets. */
export interface Reading {
  /** Those that came whole, in order. */
  readonly messages: readonly ReadMessage[]
  /** Why the rest was refused; null: it was not, though it may be unfinished. */
  readonly refusal: string | null
}

/** The end of a connection that is only in memory. */
class MemorySocket extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback()
  }

  // node:http calls these on what it takes for a socket.
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

const limits = { maxHeaderSize: 64 * 1024, insecureHTTPParser: false }

let readings: ReadMessage[] = []
let refusal: string | null = null
const server = createServer({ ...limits, requireHostHeader: false, shouldUpgradeCallback: () => false }, (incoming, response) => {
  collect(incoming, `${incoming.method} ${incoming.url}`, readings)
  response.on('error', () => {})
  // Answered at once, so that node:http goes on to what stands behind.
  response.shouldKeepAlive = true
  response.end()
})
server.maxHeadersCount = 0
server.on('checkContinue', (incoming: IncomingMessage, response) => server.emit('request', incoming, response))
server.on('checkExpectation', (incoming: IncomingMessage, response) => server.emit('request', incoming, response))
server.on('connect', (incoming: IncomingMessage) => readings.push(messageOf(incoming, `${incoming.method} ${incoming.url}`, '')))
// The connection stays as it is: closing it would take away requests that were whole before.
server.on('clientError', (error: Error & { code?: string }) => void (refusal ??= error.code ?? 'refused'))

function collect(incoming: IncomingMessage, start: string, into: ReadMessage[]): void {
  let body = ''
  incoming.on('data', (chunk: Buffer) => void (body += chunk.toString('latin1')))
  incoming.on('error', () => {})
  incoming.on('end', () => into.push(messageOf(incoming, start, body)))
}

function messageOf({ rawHeaders }: IncomingMessage, start: string, body: string): ReadMessage {
  return { start, headers: rawHeaders.slice(), body }
}

/** Has Node's own server (llhttp, strict) read octets. One reading at a time. */
export async function readAsNodeServer(octets: Buffer): Promise<Reading> {
  readings = []
  refusal = null
  const socket = new MemorySocket()
  socket.on('error', () => {})
  server.emit('connection', socket)
  socket.push(octets)
  await quiet()
  const reading = { messages: readings, refusal }
  socket.destroy()
  return reading
}

/** Has Node's own client (llhttp, strict) read the answer to a request of that method; `isClosed`: the connection ends behind it. */
export async function readAsNodeClient(octets: Buffer, method: string, isClosed: boolean): Promise<Reading> {
  const messages: ReadMessage[] = []
  let refusal: string | null = null
  const socket = new MemorySocket()
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = () => socket
  const sent: ClientRequest = request({ ...limits, method, agent, host: 'a' }, (incoming) =>
    collect(incoming, String(incoming.statusCode), messages),
  )
  sent.on('error', (error: Error & { code?: string }) => void (refusal ??= error.code ?? 'refused'))
  sent.end()
  await quiet()
  socket.push(octets)
  if (isClosed) socket.push(null)
  await quiet()
  const reading = { messages, refusal }
  socket.destroy()
  return reading
}

/** Lets all that was set off by a push come to its end: nothing in it waits for the system. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
