import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import httpProxy from 'http-proxy'
import type { Clock, Timer } from '../../clock.ts'
import { messageOf, type ErrorCode } from '../../errors.ts'
import type { HeaderList, Tunnel, TunnelOptions } from '../exchange.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import { silenceExtendWarning } from './extend-warning.ts'
import { rawHead, type SocketDownstream } from './socket-downstream.ts'

silenceExtendWarning()

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
    const request = sendUpgrade(this.#offer.socket, head, options)
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

  constructor(request: ClientRequest, offer: Offer, options: TunnelOptions) {
    this.#request = request
    this.#offer = offer
    this.#options = options
  }

  start(): void {
    const { socket, clock } = this.#offer
    const { openMs } = this.#options
    this.#timer = clock.after(openMs, () => this.#fail('upstream_timeout', `no agreement to the upgrade within ${openMs} ms`))
    socket.on('close', this.#onClientClose)
    this.#request
      .on('socket', (upstream) => upstream.once('connect', () => void (this.#sent = true)))
      .on('error', (error) => this.#fail(this.#sent ? 'upstream_reset' : 'upstream_connect_failed', messageOf(error)))
      .on('response', (response) => this.#refused(response))
      .on('upgrade', (_response, upstream: Socket) => this.#opened(upstream))
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#timer?.cancel()
    this.#offer.socket.off('close', this.#onClientClose)
    return true
  }

  #fail(code: ErrorCode, detail: string): void {
    if (!this.#settle()) return
    this.#request.destroy()
    this.#options.onFailure({ code, detail }, this.#sent)
  }

  readonly #onClientClose = (): void => this.#fail('client_gone', 'the client closed its connection')

  #refused(response: IncomingMessage): void {
    if (!this.#settle()) return void response.destroy()
    const { socket, downstream } = this.#offer
    const status = response.statusCode ?? 502
    downstream.tunnelled(status)
    socket.write(rawHead(status, withoutHopByHop(response.rawHeaders)))
    response.on('data', (chunk: Buffer) => void (downstream.bytes += chunk.length))
    response.on('error', () => socket.destroy())
    socket.on('close', () => response.destroy())
    response.pipe(socket)
    socket.once('close', () => this.#options.onClose())
  }

  #opened(upstream: Socket): void {
    if (!this.#settle()) return void upstream.destroy()
    const { socket, downstream } = this.#offer
    downstream.tunnelled(101)
    upstream.on('data', (chunk: Buffer) => void (downstream.bytes += chunk.length))
    join(socket, upstream, this.#options.idleMs)
    join(upstream, socket, this.#options.idleMs)
    let open = 2
    const onClosed = (): void => void (--open === 0 && this.#options.onClose())
    for (const side of [socket, upstream]) {
      if (side.closed) onClosed()
      else side.once('close', onClosed)
    }
  }
}

/** What ends one side ends the other, after it has got what was on its way. */
function join(one: Socket, other: Socket, idleMs: number): void {
  one.on('error', () => other.destroy())
  one.on('close', () => other.destroySoon())
  one.setTimeout(idleMs, () => one.destroy())
}

function upgradeHeaders(headers: HeaderList): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = { Connection: 'Upgrade', Upgrade: 'websocket' }
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    const before = fields[name]
    fields[name] = before === undefined ? value : [before, value].flat()
  }
  return fields
}
