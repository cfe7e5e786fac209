import type { Random } from '../clock.ts'
import { messageOf } from '../errors.ts'
import { chooseDestination } from './choose-destination.ts'
import { Endings, type EndingsDeps, type Passage } from './endings.ts'
import type { Exchange, Failure, HeaderList, LocalReply, ResponseHead } from './exchange.ts'
import { filterFailure, noFilters, type Thought } from './filters/filter-chain.ts'
import { forwardingHeaders } from './http/forwarded.ts'
import { withoutHopByHop } from './http/hop-by-hop.ts'
import type { NamedTarget } from './mesh/named-targets.ts'
import { errorReply, sendReply } from './reply.ts'
import { NO_ROUTE, RequestStats } from './request-stats.ts'
import type { Destination, Route, Snapshot } from './snapshot.ts'
import { totalBy } from './upstream/deadline-field.ts'
import { Deadlines } from './upstream/deadlines.ts'
import type { Endpoint } from './upstream/endpoint.ts'
import { Forwarding } from './upstream/forwarding.ts'
import type { Outcome } from './upstream/outcome.ts'
import type { Sticky } from './upstream/sticky.ts'
import { startTunnelling } from './upstream/tunnelling.ts'

/** A call by a service's name, from the mesh or from a task. */
export interface NamedCall {
  /** It stands in logs and metrics as its route. */
  readonly origin: 'mesh' | 'task'
  /** Finds who is called, or why nobody is. Never rejects. */
  readonly lookUp: () => NamedTarget | Failure | Promise<NamedTarget | Failure>
  /** What names us in the answer that is passed on; absent: nothing. */
  readonly via?: Passage['via']
  readonly onEnd?: Passage['onEnd']
}

export interface GatewayDeps extends EndingsDeps {
  readonly random: Random
}

/** An exchange of a route with filters, on its way through them. */
interface Course {
  readonly passage: Passage
  readonly route: Route
}

/** Carries exchanges to upstreams. It reads the snapshot once per exchange; whoever changes config gives it the next one whole. */
export class Gateway {
  readonly stats = new RequestStats()
  readonly #deps: GatewayDeps
  readonly #deadlines: Deadlines
  readonly #endings: Endings
  #snapshot: Snapshot = { generation: 0, routes: [], router: { find: () => null } }

  constructor(deps: GatewayDeps) {
    this.#deps = deps
    this.#deadlines = new Deadlines(deps.clock)
    this.#endings = new Endings(deps, this.stats)
  }

  /** Monotonic ms since when what is known of the instances is old, if answers are to tell; null: they are not. */
  get registryStaleSince(): number | null {
    return this.#endings.registryStaleSince
  }

  set registryStaleSince(sinceMs: number | null) {
    this.#endings.registryStaleSince = sinceMs
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  set snapshot(next: Snapshot) {
    this.#snapshot = next
    this.stats.keepOnly(new Set([...next.routes.map(({ name }) => name), ...reservedRouteNames]))
  }

  /** Serves what comes from outside, by routes. */
  readonly serve = (exchange: Exchange): void => {
    this.stats.inFlight++
    exchange.trace?.begin(this.#snapshot.generation)
    const route = this.#snapshot.router.find(exchange.request)
    if (!route)
      return this.#endings.fail(
        { exchange, route: null, filters: noFilters, upstream: null },
        { code: 'no_route', detail: 'no route matches' },
      )
    if (route.filters.all.length > 0) return this.#serveFiltered(exchange, route)
    this.#send(exchange, route)
  }

  /** Serves a call by a service's name. */
  serveNamed(exchange: Exchange, { origin, lookUp, via, onEnd }: NamedCall): void {
    this.stats.inFlight++
    exchange.trace?.begin(this.#snapshot.generation)
    const passage = { exchange, route: origin, filters: noFilters, upstream: null, via, onEnd }
    const found = lookUp()
    if (found instanceof Promise)
      this.#guard(
        exchange,
        found.then((late) => this.#sendNamed(passage, late)),
      )
    else this.#sendNamed(passage, found)
  }

  /** A bug of ours costs one exchange, not the process with all the others. */
  #guard(exchange: Exchange, served: Promise<void>): void {
    served.catch((error: unknown) => this.#answerBug(exchange, error))
  }

  #answerBug({ request: { requestId }, downstream }: Exchange, error: unknown): void {
    this.#deps.logger.error({ event: 'exchange.bug', requestId, error: messageOf(error) }, 'an exchange failed by a bug')
    if (downstream.started) return downstream.destroy()
    sendReply(downstream, errorReply('internal', requestId), (head) => head)
  }

  #sendNamed(passage: Passage, found: NamedTarget | Failure): void {
    if ('code' in found) return this.#endings.fail(passage, found)
    const { upstream, picker } = found
    this.#forward({ ...passage, upstream }, { upstream, picker, policy: upstream.policy })
  }

  /** Within this turn, unless a filter waits for something: a promise per exchange costs more than most filters do. */
  #serveFiltered(received: Exchange, route: Route): void {
    const { name, filters } = route
    const exchange = filters.withFilteredAnswer(received)
    try {
      const passage = { exchange, route: name, filters, upstream: null, askedPath: received.request.path }
      this.#filter({ passage, route }, received)
    } catch (error) {
      this.#answerBug(received, error)
    }
  }

  #filter(course: Course, received: Exchange): void {
    const { exchange, filters } = course.passage
    let reply: Thought
    try {
      reply = filters.filterRequest(exchange, this.#deps.clock)
    } catch (error) {
      return this.#endings.fail(course.passage, filterFailure(error))
    }
    if (reply instanceof Promise) this.#guard(received, this.#awaitFilters(course, reply))
    else this.#afterFilters(course, reply)
  }

  async #awaitFilters(course: Course, thinking: Promise<LocalReply | undefined>): Promise<void> {
    let reply: LocalReply | undefined
    try {
      reply = await thinking
    } catch (error) {
      return this.#endings.fail(course.passage, filterFailure(error))
    }
    this.#afterFilters(course, reply)
  }

  #afterFilters({ passage, route }: Course, reply: LocalReply | undefined): void {
    let exchange: Exchange
    try {
      if (reply) return this.#endings.replyLocally(passage, reply)
      exchange = passage.filters.withFilteredBody(passage.exchange)
    } catch (error) {
      return this.#endings.fail(passage, filterFailure(error))
    }
    this.#send(exchange, route, passage.askedPath)
  }

  /** Filters have had their say by now: they may have written what a destination is chosen by. */
  #send(exchange: Exchange, route: Route, askedPath = exchange.request.path): void {
    const { name, filters, mirror, sticky } = route
    const destination = chooseDestination(route, exchange, this.#deps.random)
    const passage = { exchange, route: name, filters, upstream: destination.upstream, askedPath }
    const copy = mirror?.copyOf(exchange, this.#deps.random)
    if (!copy) return void this.#forward(passage, destination, sticky)
    const headers = this.#forward({ ...passage, exchange: copy.exchange }, destination, sticky)
    copy.send(headers, { clock: this.#deps.clock, deadlines: this.#deadlines })
  }

  /** Returns the fields that the upstream gets. */
  #forward(passage: Passage, destination: Omit<Destination, 'name' | 'weight'>, sticky?: Sticky): HeaderList {
    const { exchange } = passage
    const { upstream, picker, policy } = destination
    const headers = this.#upstreamHeaders(exchange)
    if (upstream.gate.isOpen) this.#start(passage, destination, headers, sticky)
    else
      upstream.gate.admit({
        exchange,
        picker,
        deadlines: this.#deadlines,
        totalBy: totalBy(exchange, policy),
        onEnter: (leave) => this.#start({ ...passage, leave }, destination, headers, sticky),
        onRefused: (failure) => this.#endings.fail(passage, failure),
      })
    return headers
  }

  #start(passage: Passage, destination: Omit<Destination, 'name' | 'weight'>, headers: HeaderList, sticky?: Sticky): void {
    const { exchange } = passage
    const { upstream, picker, policy } = destination
    const { clock } = this.#deps
    const onDone = (outcome: Outcome): void => this.#endings.done(passage, outcome)
    if (exchange.tunnel)
      return startTunnelling({ exchange, tunnel: exchange.tunnel, upstream, picker, policy, clock, headers, onDone })
    const outgoing = ({ status, headers: received }: ResponseHead, endpoint: Endpoint | null): ResponseHead => {
      const head = { status, headers: withoutHopByHop(received) }
      const cookie = sticky?.cookieFor(destination, endpoint)
      if (cookie) head.headers.push('Set-Cookie', cookie)
      if (passage.via !== undefined) head.headers.push('Via', passage.via)
      return this.#endings.headOf(passage, head)
    }
    new Forwarding({
      exchange,
      upstream,
      picker,
      policy,
      headers,
      deadlines: this.#deadlines,
      clock,
      random: this.#deps.random,
      outgoing,
      onDone,
    }).start()
  }

  #upstreamHeaders({ request, trusted }: Exchange): HeaderList {
    const headers = withoutHopByHop(request.headers)
    const { clientAddress, authority, requestId } = request
    forwardingHeaders(headers, { clientAddress, trusted, authority, scheme: 'http', requestId })
    return headers
  }
}

/** Names in the metrics that are no routes of the config. */
export const reservedRouteNames: readonly string[] = [NO_ROUTE, 'mesh', 'task']
