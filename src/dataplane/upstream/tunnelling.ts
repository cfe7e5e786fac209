import type { Clock } from '../../clock.ts'
import type { Exchange, Failure, HeaderList, Tunnel } from '../exchange.ts'
import type { Endpoint } from './endpoint.ts'
import type { Outcome } from './outcome.ts'
import { overloaded } from './overloaded.ts'
import type { Picker } from './picker.ts'
import type { AttemptPolicy } from './policy.ts'
import type { Upstream } from './upstream.ts'

export interface TunnellingOptions {
  readonly exchange: Exchange
  readonly tunnel: Tunnel
  readonly upstream: Upstream
  /** Where in the upstream. */
  readonly picker: Picker
  readonly policy: AttemptPolicy
  readonly clock: Clock
  readonly headers: HeaderList
  readonly onDone: (outcome: Outcome) => void
}

/** Takes an upgrade to its upstream; an endpoint that breaks before it has answered is passed over for another one. */
export function startTunnelling(options: TunnellingOptions): void {
  const { exchange, tunnel, upstream, picker, policy, clock, headers, onDone } = options
  const tried: Endpoint[] = []

  upstream.budget.earn(policy.retry.budgetRatio)

  const attempt = (): void => {
    const endpoint = picker.pick(exchange, tried)
    if (!endpoint) return onDone({ attempts: tried.length, endpoint: null, failure: picker.whyNone(), status: 0 })
    tried.push(endpoint)
    if (endpoint.isBusy)
      return onDone({ attempts: tried.length, endpoint, failure: overloaded(`${endpoint.key} is busy`), status: 0 })
    upstream.stats.attempts++
    endpoint.inFlight++
    endpoint.tunnels.add(exchange)
    const { path, query } = exchange.request
    tunnel.open({
      ...policy.timeouts,
      address: endpoint.address,
      path: path + query,
      headers,
      onFailure: (failure, sent) => leave(endpoint, failure, sent),
      onClose: () => leave(endpoint, null, true),
    })
  }
  const leave = (endpoint: Endpoint, failure: Failure | null, sent: boolean): void => {
    endpoint.inFlight--
    endpoint.tunnels.delete(exchange)
    if (failure) upstream.noteFailure(endpoint, failure)
    const isRetried = failure && tried.length < policy.retry.attempts && mayRetry(failure, sent)
    if (isRetried && (!sent || upstream.budget.spend(clock.thisTurn()))) {
      upstream.stats.retries++
      return attempt()
    }
    onDone({ attempts: tried.length, endpoint, failure, status: exchange.downstream.status })
  }
  if (exchange.downstream.gone) onDone({ attempts: 0, endpoint: null, failure: clientGone, status: 0 })
  else attempt()
}

const clientGone: Failure = { code: 'client_gone', detail: 'the client closed its connection' }

/** An upgrade is a GET: an endpoint that broke without an answer may have seen it. */
function mayRetry({ code }: Failure, sent: boolean): boolean {
  return code === 'upstream_reset' || (!sent && code !== 'client_gone')
}
