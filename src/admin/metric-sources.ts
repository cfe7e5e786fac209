import type { ConfigStatus } from '../controlplane/config-status.ts'
import type { Readiness } from '../controlplane/readiness.ts'
import type { UpstreamRow, UpstreamTable } from '../controlplane/upstream-table.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { MetricSource, Sample } from '../metrics.ts'

export interface MetricSubject {
  readonly gateway: Gateway
  readonly upstreams: UpstreamTable
  readonly readiness: Readiness
  readonly configStatus: () => ConfigStatus
}

/** Everything that `/metrics` tells beside the process's own figures. */
export function gatewayMetricSources(subject: MetricSubject): readonly MetricSource[] {
  return [...subject.gateway.stats.metricSources(), ...upstreamSources(subject.upstreams), ...controlSources(subject)]
}

function upstreamSources(upstreams: UpstreamTable): readonly MetricSource[] {
  return [
    {
      name: 'meshgate_upstream_attempts_total',
      help: 'Attempts at instances, retries included',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: () => perUpstream(upstreams, ({ upstream }) => upstream.stats.attempts),
    },
    {
      name: 'meshgate_upstream_retries_total',
      help: 'Attempts after a failed one of the same exchange',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: () => perUpstream(upstreams, ({ upstream }) => upstream.stats.retries),
    },
    {
      name: 'meshgate_upstream_ejections_total',
      help: 'Instances taken out for failing requests',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: () => perUpstream(upstreams, ({ upstream }) => upstream.stats.ejections),
    },
    {
      name: 'meshgate_upstream_pipelining_off_total',
      help: 'Instances that no longer get requests behind each other, because they answered wrongly to it',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: () => perUpstream(upstreams, ({ upstream }) => upstream.stats.pipeliningOff),
    },
    {
      name: 'meshgate_upstream_failures_total',
      help: 'Failed attempts by error code',
      kind: 'counter',
      labelNames: ['upstream', 'code'],
      samples: () => [...upstreams.rows].flatMap(({ upstream }) => failureSamples(upstream.name, upstream.stats.failures)),
    },
    {
      name: 'meshgate_upstream_mirrored_total',
      help: 'Copies of requests to other upstreams, by what became of them',
      kind: 'counter',
      labelNames: ['upstream', 'outcome'],
      samples: () => [...upstreams.rows].flatMap(({ upstream }) => mirroredSamples(upstream)),
    },
    {
      name: 'meshgate_upstream_instances',
      help: 'Instances by whether they get traffic',
      kind: 'gauge',
      labelNames: ['upstream', 'state'],
      samples: () => [...upstreams.rows].flatMap(({ upstream }) => memberSamples(upstream.name, upstream.members)),
    },
    {
      name: 'meshgate_upstream_held_instances',
      help: 'Instances that serve though the registry has dropped them, too many at once or just after it was away',
      kind: 'gauge',
      labelNames: ['upstream'],
      samples: () => perUpstream(upstreams, ({ discovery }) => discovery.held),
    },
  ]
}

function controlSources({ readiness, configStatus }: MetricSubject): readonly MetricSource[] {
  return [
    gauge('meshgate_ready', '1 if traffic should come here', () => (readiness.report().ready ? 1 : 0)),
    gauge('meshgate_registry_age_seconds', 'Since the last answer of the registry that made sense; -1: never', () => {
      const { ageMs } = readiness.report().registry
      return ageMs === null ? -1 : ageMs / 1000
    }),
    gauge('meshgate_registry_stale', '1 while the registry is away and what it said last serves', () =>
      readiness.report().registry.stale ? 1 : 0,
    ),
    gauge('meshgate_registry_from_disk', '1 while something serves from disk, since the registry has not told it yet', () =>
      readiness.report().registry.fromDisk ? 1 : 0,
    ),
    gauge('meshgate_config_generation', 'Applied configs since the start', () => configStatus().generation),
    gauge('meshgate_config_refused', 'Sources of config whose present version is refused', () => {
      const { file, entries } = configStatus()
      return [file, ...entries].filter(({ state }) => state === 'refused').length
    }),
  ]
}

function gauge(name: string, help: string, value: () => number): MetricSource {
  return { name, help, kind: 'gauge', labelNames: [], samples: () => [{ labels: {}, value: value() }] }
}

function perUpstream(upstreams: UpstreamTable, value: (row: UpstreamRow) => number): readonly Sample[] {
  return [...upstreams.rows].map((row) => ({ labels: { upstream: row.upstream.name }, value: value(row) }))
}

function failureSamples(upstream: string, failures: ReadonlyMap<string, number>): readonly Sample[] {
  return [...failures].map(([code, value]) => ({ labels: { upstream, code }, value }))
}

const mirrorOutcomes = ['sent', 'failed', 'skipped'] as const

function mirroredSamples({ name, mirrored }: UpstreamRow['upstream']): readonly Sample[] {
  return mirrorOutcomes.map((outcome) => ({ labels: { upstream: name, outcome }, value: mirrored[outcome] }))
}

function memberSamples(upstream: string, { all, eligible }: UpstreamRow['upstream']['members']): readonly Sample[] {
  return [
    { labels: { upstream, state: 'eligible' }, value: eligible.length },
    { labels: { upstream, state: 'excluded' }, value: all.length - eligible.length },
  ]
}
