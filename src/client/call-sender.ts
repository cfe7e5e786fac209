import type { Clock, Random } from '../clock.ts'
import type { Exchange, ResponseHead } from '../dataplane/exchange.ts'
import { totalBy } from '../dataplane/upstream/deadline-field.ts'
import { Deadlines } from '../dataplane/upstream/deadlines.ts'
import { Forwarding } from '../dataplane/upstream/forwarding.ts'
import type { Outcome } from '../dataplane/upstream/outcome.ts'
import type { NamedTarget } from '../dataplane/mesh/named-targets.ts'
import type { Call } from './call.ts'
import { policyOf, type CallRequest } from './call-request.ts'

export interface CallSenderDeps {
  readonly clock: Clock
  readonly random: Random
}

/** Sends calls to upstreams: the way of every exchange of the gateway, without its routes and filters. */
export class CallSender {
  readonly #deps: CallSenderDeps
  readonly #deadlines: Deadlines

  constructor(deps: CallSenderDeps) {
    this.#deps = deps
    this.#deadlines = new Deadlines(deps.clock)
  }

  /** `onEnd` is called once, when the call is over. */
  send(call: Call, request: CallRequest, { upstream, picker }: NamedTarget, onEnd: () => void): void {
    const { clock, random } = this.#deps
    const { head, headers, body } = request
    const deadlines = this.#deadlines
    const policy = policyOf(upstream.policy, request)
    const exchange: Exchange = { request: head, body, downstream: call, tunnel: null, trusted: true, since: clock.thisTurn() }
    const start = (onDone: (outcome: Outcome) => void): void =>
      new Forwarding({
        exchange,
        upstream,
        picker,
        policy,
        headers,
        deadlines,
        clock,
        random,
        outgoing,
        onDone,
      }).start()
    const done = (outcome: Outcome): void => {
      if (outcome.failure) call.fail(outcome.failure)
      onEnd()
    }
    if (upstream.gate.isOpen) return start(done)
    upstream.gate.admit({
      exchange,
      picker,
      deadlines,
      totalBy: totalBy(exchange, policy),
      onEnter: (leave) =>
        start((outcome) => {
          leave(outcome)
          done(outcome)
        }),
      onRefused: (failure) => {
        call.fail(failure)
        onEnd()
      },
    })
  }
}

/** The application gets an answer as it came. */
function outgoing(head: ResponseHead): ResponseHead {
  return head
}
