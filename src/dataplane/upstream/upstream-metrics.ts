import type { MetricSource, Sample } from '../../metrics.ts'
import type { Upstream } from './upstream.ts'

const mirrorOutcomes = ['sent', 'failed', 'skipped'] as const

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
      name: 'meshgate_upstream_ejections_total',
      help: 'Instances taken out for failing requests',
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
  ]
}
