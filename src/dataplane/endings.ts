import type { Clock } from '../clock.ts'
import { errorTable, messageOf } from '../errors.ts'
import type { Logger } from '../logging.ts'
import { accessRecord, writeAccess } from './access-log.ts'
import type { Exchange, Failure, LocalReply, ResponseHead } from './exchange.ts'
import { DecoratedDownstream } from './filters/decorated-downstream.ts'
import type { FilterChain } from './filters/filter-chain.ts'
import { failureReply, sendReply, withProxyStatus } from './reply.ts'
import { NO_ROUTE, type RequestStats } from './request-stats.ts'
import type { Outcome } from './upstream/outcome.ts'
import type { Upstream } from './upstream/upstream.ts'

/** Where an exchange goes, as far as that is known. */
export interface Passage {
  readonly exchange: Exchange
  /** For logs and metrics; null: no route. */
  readonly route: string | null
  readonly filters: FilterChain
  readonly upstream: Upstream | null
  /** The path that the client asked for; absent: nobody has changed it. */
  readonly askedPath?: string
  /** Set if it has come through a gate: to be told its end. */
  readonly leave?: (outcome: Outcome) => void
  /** Set if we name ourselves in the answer that is passed on. */
  readonly via?: string | undefined
  /** Is told when all is over. */
  readonly onEnd?: ((ended: Ended) => void) | undefined
}

/** How an exchange has ended. */
export interface Ended {
  /** Its name; null: it did not get that far. */
  readonly upstream: string | null
  /** Of the answer; 0 if none was begun. */
  readonly status: number
  readonly failure: Failure | null
  readonly durationMs: number
}

export interface EndingsDeps {
  readonly clock: Clock
  readonly logger: Logger
  /** Whether each exchange writes a line, whatever the logger's level is but `silent`. */
  readonly accessLog: boolean
}

/** How exchanges end: the answers that the gateway gives by itself, and the account of each exchange, once. */
export class Endings {
  /** Monotonic ms since when what is known of the instances is old, if answers are to tell; null: they are not. */
  registryStaleSince: number | null = null
  readonly #deps: EndingsDeps
  readonly #stats: RequestStats
  /** Null: no lines. */
  readonly #accessLog: Logger | null

  constructor(deps: EndingsDeps, stats: RequestStats) {
    const { logger, accessLog } = deps
    this.#deps = deps
    this.#stats = stats
    // Who asks for it gets it, also where the rest of the log tells of troubles only.
    this.#accessLog = accessLog && logger.level !== 'silent' ? logger.child({}, { level: 'info' }) : null
  }

  /** Ends an exchange that its upstream has had, or that failed; a `failure` is answered if nothing has gone down to the client. */
  done(passage: Passage, outcome: Outcome): void {
    const { failure } = outcome
    passage.leave?.(outcome)
    if (!failure) return this.#accountWhenSettled(passage, outcome)
    passage.exchange.onFailure?.(failure)
    const { downstream } = passage.exchange
    // After the first byte there is one honest way left to say that the answer is not whole.
    if (downstream.started || downstream.gone || errorTable[failure.code].status === null) downstream.destroy()
    else this.#replyWithError(passage, failureReply(passage.exchange, failure, outcome.endpoint?.key ?? null))
    this.#accountWhenSettled(passage, outcome)
  }

  /** Ends an exchange that never had an attempt. */
  fail(passage: Passage, failure: Failure): void {
    this.done(passage, { attempts: 0, endpoint: null, failure, status: 0 })
  }

  /** Ends an exchange with a filter's own answer. */
  replyLocally(passage: Passage, reply: LocalReply): void {
    const { exchange } = passage
    const { failure = null } = reply
    const told = failure ? withProxyStatus(reply, exchange, failure) : reply
    sendReply(exchange.downstream, told, (head) => this.headOf(passage, head))
    this.#accountWhenSettled(passage, { attempts: 0, endpoint: null, failure, status: 0 })
  }

  #replyWithError(passage: Passage, reply: LocalReply): void {
    const { downstream } = passage.exchange
    try {
      sendReply(downstream, reply, (head) => this.headOf(passage, head))
    } catch (error) {
      // A filter that fails on the answer must not keep the client from getting one.
      this.#deps.logger.error(
        { event: 'filter.failed', route: passage.route, error: messageOf(error) },
        'a filter failed on an error reply',
      )
      if (downstream.started) return downstream.destroy()
      sendReply(downstream, reply, (head) => head)
    }
  }

  /** The head that the client gets. */
  headOf({ exchange, filters, route, upstream }: Passage, head: ResponseHead): ResponseHead {
    const since = this.registryStaleSince
    if (since !== null) head.headers.push('Registry-Age', String(Math.floor((this.#deps.clock.monotonic() - since) / 1000)))
    const told = filters.filterHead(head, exchange.request)
    exchange.trace?.tell(told.headers, { route, upstream })
    return told
  }

  /** A filter may still be handing over the end of the answer. */
  #accountWhenSettled(passage: Passage, outcome: Outcome): void {
    const { downstream } = passage.exchange
    if (!(downstream instanceof DecoratedDownstream) || downstream.settled) return this.#account(passage, outcome)
    downstream.onSettled = () => this.#account(passage, outcome)
  }

  #account({ exchange, route, upstream, askedPath = exchange.request.path, onEnd }: Passage, outcome: Outcome): void {
    const { failure } = outcome
    const { request, downstream, since } = exchange
    const durationMs = this.#deps.clock.thisTurn() - since
    this.#stats.inFlight--
    this.#stats.count(route ?? NO_ROUTE, downstream.status, durationMs)
    onEnd?.({ upstream: upstream?.name ?? null, status: downstream.status, failure, durationMs })
    if (failure) {
      this.#stats.countCode(failure.code)
      this.#deps.logger.debug({ event: 'exchange.failed', requestId: request.requestId, ...failure }, failure.detail)
    }
    if (this.#accessLog) writeAccess(this.#accessLog, accessRecord({ exchange, route, upstream, askedPath }, outcome, durationMs))
  }
}
