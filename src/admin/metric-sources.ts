import type { ConfigStatus } from '../controlplane/config-status.ts'
import type { FleetQuotas } from '../controlplane/quotas/fleet-quotas.ts'
import type { TaskScheduler } from '../controlplane/tasks/scheduler.ts'
import { taskMetricSources } from '../controlplane/tasks/task-stats.ts'
import type { Readiness } from '../controlplane/readiness.ts'
import type { UpstreamRow, UpstreamTable } from '../discovery/upstream-table.ts'
import type { Trials } from '../controlplane/trials/trials.ts'
import type { Gateway } from '../dataplane/gateway.ts'
import type { Mesh } from '../dataplane/mesh/mesh.ts'
import { upstreamMetricSources } from '../dataplane/upstream/upstream-metrics.ts'
import { gauge, type MetricSource, type Sample } from '../metrics.ts'
import type { WorkerView } from '../workers/worker-view.ts'
import type { Workers } from '../workers/workers.ts'

export interface MetricSubject {
  readonly gateway: Gateway
  readonly mesh: Pick<Mesh, 'edges'>
  readonly upstreams: UpstreamTable
  readonly readiness: Readiness
  readonly configStatus: () => ConfigStatus
  readonly trials: Pick<Trials, 'ended'>
  readonly quotas: Pick<FleetQuotas, 'view'>
  readonly tasks: Pick<TaskScheduler, 'stats' | 'view'>
  /** Null: this process serves alone. */
  readonly workers: Workers | null
}

/** Everything that `/metrics` tells beside the process's own figures. */
export function gatewayMetricSources(subject: MetricSubject): readonly MetricSource[] {
  const { gateway, mesh, upstreams, workers } = subject
  const own = [
    ...gateway.stats.metricSources(),
    ...mesh.edges.metricSources(),
    ...upstreamMetricSources(() => [...upstreams.rows].map(({ upstream }) => upstream)),
  ]
  return [
    ...(workers ? [...workers.merge(own), ...workerSources(workers)] : own),
    ...memberSources(upstreams),
    ...controlSources(subject),
    ...taskMetricSources(subject.tasks),
    {
      name: 'meshgate_cluster_limit_part',
      help: 'How much of a limit of the cluster is this replica’s, 0 to 1, by route and the place of the filter among its filters',
      kind: 'gauge',
      labelNames: ['route', 'filter'],
      samples: () =>
        subject.quotas.view().map(({ route, at, ratio }) => ({ labels: { route, filter: String(at) }, value: ratio })),
    },
  ]
}

function memberSources(upstreams: UpstreamTable): readonly MetricSource[] {
  return [
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
      samples: () =>
        [...upstreams.rows].map(({ upstream, discovery }) => ({ labels: { upstream: upstream.name }, value: discovery.held })),
    },
    {
      name: 'meshgate_upstream_probes_total',
      help: 'Probes that this replica has sent',
      kind: 'counter',
      labelNames: ['upstream'],
      samples: () =>
        [...upstreams.rows].map(({ upstream, discovery }) => ({
          labels: { upstream: upstream.name },
          value: discovery.probing.sent,
        })),
    },
    {
      name: 'meshgate_upstream_shared_verdicts',
      help: 'Instances that are judged by what other replicas have probed',
      kind: 'gauge',
      labelNames: ['upstream'],
      samples: () =>
        [...upstreams.rows].map(({ upstream, discovery }) => ({
          labels: { upstream: upstream.name },
          value: discovery.probing.believed,
        })),
    },
  ]
}

function workerSources(workers: Workers): readonly MetricSource[] {
  const perWorker = (value: (view: WorkerView) => number | null) => () =>
    workers.view().flatMap((view): Sample[] => {
      const found = value(view)
      // One that is being replaced has two processes, and one of them stands for it.
      return found === null || view.state !== 'serving' ? [] : [{ labels: { worker: String(view.worker) }, value: found }]
    })
  return [
    {
      name: 'meshgate_worker_connections',
      help: 'Open connections of clients by worker',
      kind: 'gauge',
      labelNames: ['worker'],
      samples: perWorker(({ connections }) => connections),
    },
    {
      name: 'meshgate_worker_resident_memory_bytes',
      help: 'Resident memory by worker',
      kind: 'gauge',
      labelNames: ['worker'],
      samples: perWorker(({ residentBytes }) => residentBytes),
    },
    {
      name: 'meshgate_worker_cpu_seconds_total',
      help: 'CPU time of the present process by worker',
      kind: 'counter',
      labelNames: ['worker'],
      samples: perWorker(({ cpuMs }) => (cpuMs === null ? null : cpuMs / 1000)),
    },
    {
      name: 'meshgate_worker_deaths_total',
      help: 'Worker processes that have died',
      kind: 'counter',
      labelNames: [],
      samples: () => [{ labels: {}, value: workers.deaths }],
    },
  ]
}

function controlSources({ readiness, configStatus, trials }: MetricSubject): readonly MetricSource[] {
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
    gauge(
      'meshgate_config_move',
      'The move of the revision pointer that this gateway follows; 0: none',
      () => configStatus().revision.number,
    ),
    gauge('meshgate_config_revision_refused', '1 while the revision that is to run does not, or the pointer is damaged', () =>
      configStatus().revision.problem === null ? 0 : 1,
    ),
    gauge('meshgate_config_trial', '1 while this gateway tries a revision that the others do not run yet', () => {
      const { trial, revision } = configStatus()
      return trial && trial.number === revision.number ? 1 : 0
    }),
    {
      name: 'meshgate_config_trials_ended_total',
      help: 'Trials of revisions that this gateway has ended while it led: promote, given to all; undo, taken back',
      kind: 'counter',
      labelNames: ['end'],
      samples: () => Object.entries(trials.ended).map(([end, value]) => ({ labels: { end }, value })),
    },
    {
      name: 'meshgate_registered_routes',
      help: 'Routes that services declare in their registration, by whether they serve',
      kind: 'gauge',
      labelNames: ['state'],
      samples: () =>
        (['serving', 'refused'] as const).map((state) => ({
          labels: { state },
          value: configStatus().registered.filter((route) => route.state === state).length,
        })),
    },
    gauge('meshgate_config_refused', 'Sources of config whose present version is refused', () => {
      const { file, entries } = configStatus()
      return [file, ...entries].filter(({ state }) => state === 'refused').length
    }),
  ]
}

function memberSamples(upstream: string, { all, eligible }: UpstreamRow['upstream']['members']): readonly Sample[] {
  return [
    { labels: { upstream, state: 'eligible' }, value: eligible.length },
    { labels: { upstream, state: 'excluded' }, value: all.length - eligible.length },
  ]
}
