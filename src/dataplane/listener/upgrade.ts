import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import type { Clock, Timer } from '../../clock.ts'
import { messageOf, type ErrorCode } from '../../errors.ts'
import type { HeaderList, Tunnel, TunnelOptions } from '../exchange.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import { watchClient } from './client-watch.ts'
import { joinSockets } from './join-sockets.ts'
import type { SocketDownstream } from './socket-downstream.ts'
import { withoutDeprecations } from './without-deprecations.ts'

export interface Offer {
  readonly socket: Socket
  /** What came behind the request's head. */
  readonly head: Buffer
  readonly downstream: SocketDownstream
  readonly clock: Clock
}

/**
 * A client's offer to upgrade to WebSocket, carried by http-proxy. It carries nothing else: a chunked DELETE it would frame wrongly, and it
 * would leave a plain request running when the client leaves.
 */
export class UpgradeTunnel implements Tunnel {
  readonly protocol = 'websocket'
  readonly #offer: Offer
  #head: Buffer

  constructor(offer: Offer) {
    this.#offer = offer
    this.#head = offer.head
  }

  open(options: TunnelOptions): void {
    const head = this.#head
    // http-proxy puts these bytes back into the connection, so a second try finds them there.
    this.#head = Buffer.alloc(0)
    const request = withoutDeprecations(() => sendUpgrade(this.#offer.socket, head, options))
    new TunnelRun(request, this.#offer, options).start()
  }
}

/**
 * Has http-proxy send the request. Its own listeners for a failure and for a refusal are taken off: the first would end the client's
 * connection before another endpoint can be tried, the second passes the framing fields on beside a body that it has decoded.
 */
function sendUpgrade(socket: Socket, head: Buffer, { address, path, headers }: TunnelOptions): ClientRequest {
  // The head is ours as it stands: nothing is added to it, no path is joined.
  const proxy = httpProxy.createProxyServer({ xfwd: false, toProxy: true, prependPath: false, changeOrigin: false })
  let sent: ClientRequest | undefined
  proxy.on('proxyReqWs', (request) => {
    // It would merge double slashes of the path.
    request.path = path
    sent = request
  })
  const incoming = { method: 'GET', url: path, headers: upgradeHeaders(headers) } as unknown as IncomingMessage
  proxy.ws(incoming, socket, head, { target: { host: address.host, port: address.port, protocol: 'http:' } }, () => {})
  if (!sent) throw new Error('http-proxy took an upgrade and sent nothing')
  return sent.removeAllListeners('error').removeAllListeners('response')
}

/** One try of the upgrade at one endpoint, from the request to the end of the tunnel. */
class TunnelRun {
  readonly #request: ClientRequest
  readonly #offer: Offer
  readonly #options: TunnelOptions
  #timer: Timer | null = null
  #sent = false
  #settled = false
  #unwatchClient: () => void = () => {}

  constructor(request: ClientRequest, offer: Offer, options: TunnelOptions) {
    this.#request = request
    this.#offer = offer
    this.#options = options
  }

  start(): void {
    const { connectMs } = this.#options
    this.#arm(connectMs, 'upstream_connect_timeout', `no connection within ${connectMs} ms`)
    this.#unwatchClient = watchClient(this.#offer.socket, this.#onClientGone)
    this.#request
      .on('socket', (upstream) => upstream.once('connect', this.#onConnected))
      .on('error', (error) => this.#fail(this.#sent ? 'upstream_reset' : 'upstream_connect_failed', messageOf(error)))
      .on('response', (response) => this.#refused(response))
      // Before http-proxy's own listener, which starts to read from the client.
      .prependListener('upgrade', () => this.#unwatchClient())
      .on('upgrade', (_response, upstream: Socket) => this.#opened(upstream))
  }

  readonly #onConnected = (): void => {
    this.#sent = true
    const { responseMs } = this.#options
    this.#arm(responseMs, 'upstream_timeout', `no agreement to the upgrade within ${responseMs} ms`)
  }

  #arm(delayMs: number, code: ErrorCode, detail: string): void {
    this.#timer?.cancel()
    if (!this.#settled) this.#timer = this.#offer.clock.after(delayMs, () => this.#fail(code, detail))
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#timer?.cancel()
    this.#unwatchClient()
    return true
  }

  #fail(code: ErrorCode, detail: string): void {
    if (!this.#settle()) return
    this.#request.destroy()
    const { host, port } = this.#options.address
    this.#options.onFailure({ code, detail: `${host}:${port}: ${detail}` }, this.#sent)
  }

  readonly #onClientGone = (): void => this.#fail('client_gone', 'the client closed its connection')

  #refused(response: IncomingMessage): void {
    if (!this.#settle()) return void response.destroy()
    const { socket, downstream } = this.#offer
    downstream.head({ status: response.statusCode ?? 502, headers: withoutHopByHop(response.rawHeaders) })
    // Without a length its end is the end of the connection, and only a reset tells that it is not whole.
    response.on('error', () => socket.resetAndDestroy())
    response.on('data', (chunk: Buffer) => void (downstream.bytes += chunk.length))
    response.once('end', () => downstream.end())
    response.pipe(socket, { end: false })
    socket.setTimeout(this.#options.idleMs, () => socket.destroy())
    socket.once('close', () => {
      response.destroy()
      this.#options.onClose()
    })
  }

  #opened(upstream: Socket): void {
    if (!this.#settle()) return void upstream.destroy()
    const { socket, downstream } = this.#offer
    downstream.tunnelled(101)
    upstream.on('data', (chunk: Buffer) => void (downstream.bytes += chunk.length))
    joinSockets(socket, upstream, { idleMs: this.#options.idleMs, onClosed: () => this.#options.onClose() })
  }
}

/** In lower case, as http-proxy looks for them; without a prototype, whose names a client could send. */
function upgradeHeaders(headers: HeaderList): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  fields['connection'] = 'Upgrade'
  fields['upgrade'] = 'websocket'
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i]?.toLowerCase(), headers[i + 1]]
    const before = fields[name]
    fields[name] = before === undefined ? value : [before, value].flat()
  }
  return fields
}
