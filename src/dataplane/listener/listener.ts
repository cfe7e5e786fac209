import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { formatAddress, type Address } from '../../address.ts'
import { pause, type Clock, type Random } from '../../clock.ts'
import { messageOf, type ErrorCode } from '../../errors.ts'
import { listen } from '../../listen.ts'
import type { Logger } from '../../logging.ts'
import type { Downstream, Exchange } from '../exchange.ts'
import { compileTrust } from '../http/forwarded.ts'
import type { ListenerLimits } from '../limits.ts'
import { errorReply, sendReply } from '../reply.ts'
import { answerClientError } from './client-error.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { takeIn, type IntakeOptions } from './incoming.ts'
import { requestIds } from './request-ids.ts'
import { ResponseDownstream } from './response-downstream.ts'
import { serverOptions } from './server-options.ts'
import { SocketDownstream } from './socket-downstream.ts'
import { UpgradeTunnel } from './upgrade.ts'

export interface ListenerOptions {
  /** In messages and logs: `listeners.web`. */
  readonly name: string
  readonly bind: Address
  readonly limits: ListenerLimits
  /** Peers whose forwarding fields are believed. */
  readonly trust: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly serve: (exchange: Exchange) => void
}

export interface Listener {
  readonly address: Address
  /** Takes no new connection and ends idle ones; resolves when all work has ended, after `drainMs` at the latest: then it is cut. */
  close(drainMs: number): Promise<void>
}

/** How often a listener that drains looks for connections that have become idle, ms. */
const DRAIN_LOOK_EVERY_MS = 50

/** Opens a listener. Throws `port_in_use` or `bind_failed`. Closed by the caller. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { name, bind, logger } = options
  const running = new RunningListener(options)
  const address = await listen(running.server, bind, `${name}.bind`)
  const at = formatAddress(address)
  logger.info({ event: 'listener.started', listener: name, address: at }, `${name} listens on http://${at}`)
  return { address, close: (drainMs) => running.close(drainMs) }
}

/** A server of node:http that turns what comes into exchanges. */
class RunningListener {
  readonly server: Server
  readonly #options: ListenerOptions
  readonly #intake: IntakeOptions
  readonly #rules: ConnectionRules
  /** Connections that node:http has let go of: tunnels, and refusals that are still on their way. */
  readonly #bare = new Set<Socket>()

  constructor(options: ListenerOptions) {
    const { clock, random, limits, trust } = options
    this.#options = options
    this.#intake = {
      clock,
      headerCount: limits.headerCount,
      isTrusted: compileTrust(trust),
      nextRequestId: requestIds(clock, random),
    }
    this.#rules = { clock, unreadMs: limits.keepAliveMs, draining: false }
    this.server = createServer(serverOptions(limits))
    this.server.maxConnections = limits.connections
    // Node would drop what is above its own count without a word; `takeIn` counts.
    this.server.maxHeadersCount = 0
    this.#listen()
  }

  async close(drainMs: number): Promise<void> {
    const { clock } = this.#options
    this.#rules.draining = true
    const ended = new AbortController()
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve())).then(() => ended.abort())
    await Promise.race([closed, pause(clock, drainMs, ended.signal), this.#endIdle(ended.signal)])
    this.server.closeAllConnections()
    for (const socket of this.#bare) socket.destroy()
    await closed
  }

  #listen(): void {
    const { server } = this
    server.on('request', (incoming, response) => this.#onRequest(incoming, response))
    server.on('upgrade', (incoming, socket, head) => this.#onUpgrade(incoming, socket as Socket, head))
    server.on('connect', (_incoming, socket) => this.#refuse(this.#bareDownstream(socket as Socket), 'method_not_supported'))
    server.on('checkExpectation', (_incoming, response) =>
      this.#refuseAndClose(new ResponseDownstream(response, this.#rules), 'expectation_failed'),
    )
    server.on('clientError', (error, socket) =>
      answerClientError(error, socket as Socket, { clock: this.#options.clock, requestId: this.#intake.nextRequestId() }),
    )
  }

  #onRequest(incoming: IncomingMessage, response: ServerResponse): void {
    // The connection has had its last answer; what comes behind it is dropped.
    if (incoming.socket.writableEnded) return
    const downstream = new ResponseDownstream(response, this.#rules)
    const taken = takeIn(incoming, { downstream, tunnel: null }, this.#intake)
    if (typeof taken === 'string') this.#refuseAndClose(downstream, taken)
    else this.#serve(taken)
  }

  #onUpgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    const downstream = this.#bareDownstream(socket)
    const tunnel = new UpgradeTunnel({ socket, head, downstream, clock: this.#options.clock })
    const taken = takeIn(incoming, { downstream, tunnel }, this.#intake)
    if (typeof taken === 'string') this.#refuse(downstream, taken)
    else this.#serve(taken)
  }

  #bareDownstream(socket: Socket): SocketDownstream {
    this.#bare.add(socket)
    socket.once('close', () => this.#bare.delete(socket))
    return new SocketDownstream(socket, this.#options.clock)
  }

  #serve(exchange: Exchange): void {
    try {
      this.#options.serve(exchange)
    } catch (error) {
      // A bug of ours costs one exchange, not the process with all the others.
      const { requestId } = exchange.request
      this.#options.logger.error({ event: 'exchange.bug', requestId, error: messageOf(error) }, 'an exchange failed by a bug')
      if (exchange.downstream.started) return exchange.downstream.destroy()
      sendReply(exchange.downstream, errorReply('internal', requestId), (head) => head)
    }
  }

  /** Who sends what is refused may mean something else by what comes next. */
  #refuseAndClose(downstream: ResponseDownstream, code: ErrorCode): void {
    downstream.closeAfterwards()
    this.#refuse(downstream, code)
  }

  #refuse(downstream: Downstream, code: ErrorCode): void {
    const requestId = this.#intake.nextRequestId()
    this.#options.logger.debug({ event: 'request.refused', listener: this.#options.name, requestId, code }, 'request refused')
    sendReply(downstream, errorReply(code, requestId), (head) => head)
  }

  /** Never resolves: Node itself ends idle connections only once, when the server is closed. */
  async #endIdle(ended: AbortSignal): Promise<never> {
    for (;;) {
      if (ended.aborted) return new Promise(() => {})
      this.server.closeIdleConnections()
      await pause(this.#options.clock, DRAIN_LOOK_EVERY_MS, ended)
    }
  }
}
