import type { MetricSource, Sample } from '../../metrics.ts'
import type { Gate } from './gate.ts'
import type { Upstream } from './upstream.ts'

const breakerStates = ['closed', 'half_open', 'open'] as const
const mirrorOutcomes = ['sent', 'failed', 'skipped'] as const

/** How many tunnels each upstream has open. */
export const TUNNELS_METRIC = 'meshgate_upstream_tunnels'

/** What is counted of the calls to upstreams. */
export function upstreamMetricSources(upstreams: () => Iterable<Upstream>): readonly MetricSource[] {
  const perUpstream = (value: (upstream: Upstream) => number) => (): readonly Sample[] =>
    [...upstreams()].map((upstream) => ({ labels: { upstream: upstream.name }, value: value(upstream) }))
  return [
    {
      name: 'meshgate_upstream_attempts_total',
      help: 'Attempts at instances, retries included',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: perUpstream(({ stats }) => stats.attempts),
    },
    {
      name: 'meshgate_upstream_retries_total',
      help: 'Attempts after a failed one of the same exchange',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: perUpstream(({ stats }) => stats.retries),
    },
    {
      name: 'meshgate_upstream_hedges_total',
      help: 'Second attempts beside one that had not been answered',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: perUpstream(({ stats }) => stats.hedges),
    },
    {
      name: 'meshgate_upstream_ejections_total',
      help: 'Instances taken out for failing requests or for being slow',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: perUpstream(({ stats }) => stats.ejections),
    },
    {
      name: 'meshgate_upstream_pipelining_off_total',
      help: 'Instances that no longer get requests behind each other, because they answered wrongly to it',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: perUpstream(({ stats }) => stats.pipeliningOff),
    },
    {
      name: 'meshgate_upstream_failures_total',
      help: 'Failed attempts by error code',
      kind: 'counter',
      labelNames: ['upstream', 'code'],
      samples: () =>
        [...upstreams()].flatMap(({ name, stats }) =>
          [...stats.failures].map(([code, value]) => ({ labels: { upstream: name, code }, value })),
        ),
    },
    {
      name: 'meshgate_upstream_mirrored_total',
      help: 'Copies of requests to other upstreams, by what became of them',
      kind: 'counter',
      labelNames: ['upstream', 'outcome'],
      samples: () =>
        [...upstreams()].flatMap(({ name, mirrored }) =>
          mirrorOutcomes.map((outcome) => ({ labels: { upstream: name, outcome }, value: mirrored[outcome] })),
        ),
    },
    {
      name: TUNNELS_METRIC,
      help: 'WebSockets and other tunnels that are open',
      kind: 'gauge',
      labelNames: ['upstream'],
      samples: perUpstream(({ members }) => members.all.reduce((sum, { endpoint }) => sum + endpoint.tunnels.size, 0)),
    },
    ...gateMetricSources(upstreams),
  ]
}

/** What is counted at the gates of upstreams that have one. */
function gateMetricSources(upstreams: () => Iterable<Upstream>): readonly MetricSource[] {
  const perGate = (samples: (gate: Gate) => readonly (readonly [string, number])[], label: string) => (): readonly Sample[] =>
    [...upstreams()].flatMap(({ name, gate }) =>
      gate.isOpen ? [] : samples(gate).map(([text, value]) => ({ labels: { upstream: name, [label]: text }, value })),
    )
  return [
    {
      name: 'meshgate_upstream_refused_total',
      help: 'Exchanges that an upstream was spared, by error code',
      kind: 'counter',
      labelNames: ['upstream', 'code'],
      samples: perGate(({ refused }) => Object.entries(refused), 'code'),
    },
    {
      name: 'meshgate_upstream_breaker_state',
      help: 'In how many data planes the breaker is in that state',
      kind: 'gauge',
      labelNames: ['upstream', 'state'],
      samples: perGate(
        ({ breaker }) => (breaker ? breakerStates.map((state) => [state, breaker.state === state ? 1 : 0]) : []),
        'state',
      ),
    },
    {
      name: 'meshgate_upstream_requests',
      help: 'Exchanges at upstreams with a limit: active, and waiting for their turn',
      kind: 'gauge',
      labelNames: ['upstream', 'state'],
      samples: perGate(
        ({ concurrency }) =>
          concurrency
            ? [
                ['active', concurrency.active],
                ['waiting', concurrency.waiting],
              ]
            : [],
        'state',
      ),
    },
  ]
}
