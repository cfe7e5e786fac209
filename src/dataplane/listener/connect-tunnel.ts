import { connect, type Socket } from 'node:net'
import type { Timer } from '../../clock.ts'
import { messageOf, type ErrorCode } from '../../errors.ts'
import type { Tunnel, TunnelOptions } from '../exchange.ts'
import { watchClient } from './client-watch.ts'
import { joinSockets } from './join-sockets.ts'
import type { Offer } from './upgrade.ts'

/** A client's CONNECT (RFC 9110 §9.3.6): a connection to an instance, whose octets nobody here looks at. */
export class ConnectTunnel implements Tunnel {
  readonly protocol = 'connect'
  readonly #offer: Offer

  constructor(offer: Offer) {
    this.#offer = offer
  }

  open(options: TunnelOptions): void {
    const upstream = connect({ ...options.address, noDelay: true, allowHalfOpen: true })
    new Dial(this.#offer, options, upstream).start()
  }
}

/** One try to reach one endpoint, and the tunnel that comes of it. */
class Dial {
  readonly #offer: Offer
  readonly #options: TunnelOptions
  readonly #upstream: Socket
  #timer: Timer | null = null
  #unwatchClient: () => void = () => {}
  #isSettled = false

  constructor(offer: Offer, options: TunnelOptions, upstream: Socket) {
    this.#offer = offer
    this.#options = options
    this.#upstream = upstream
  }

  start(): void {
    const { connectMs } = this.#options
    const late = (): void => this.#fail('upstream_connect_timeout', `no connection within ${connectMs} ms`)
    this.#timer = this.#offer.clock.after(connectMs, late)
    this.#unwatchClient = watchClient(this.#offer.socket, () => this.#fail('client_gone', 'the client closed its connection'))
    this.#upstream.on('error', (error) => this.#fail('upstream_connect_failed', messageOf(error)))
    this.#upstream.once('connect', () => this.#opened())
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#timer?.cancel()
    this.#unwatchClient()
    return true
  }

  #fail(code: ErrorCode, detail: string): void {
    if (!this.#settle()) return
    this.#upstream.destroy()
    const { host, port } = this.#options.address
    // The instance has got nothing of the client: another one may be tried.
    this.#options.onFailure({ code, detail: `${host}:${port}: ${detail}` }, false)
  }

  #opened(): void {
    if (!this.#settle()) return
    const upstream = this.#upstream
    const { socket, head, downstream } = this.#offer
    downstream.tunnelled(200)
    // RFC 9110 §9.3.6: without a length or a coding; what follows is the tunnel.
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1')
    if (head.length > 0) upstream.write(head)
    upstream.on('data', (chunk: Buffer) => void (downstream.bytes += chunk.length))
    socket.pipe(upstream).pipe(socket)
    joinSockets(socket, upstream, { idleMs: this.#options.idleMs, onClosed: () => this.#options.onClose() })
  }
}
