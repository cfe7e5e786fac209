import { gauge, type MetricSource, type Sample } from '../../metrics.ts'
import type { RunRecord } from './run-record.ts'
import type { TasksView, TaskView } from './task-view.ts'

type Outcome = 'done' | 'failed' | 'interrupted'

/** Counts how the runs of each task have ended that this gateway ran. Tasks that left the config are dropped with {@link keepOnly}. */
export class TaskStats {
  readonly #ended = new Map<string, Record<Outcome, number>>()

  /** `ok` as in a record; null: the run is left to the next leader. */
  count(task: string, ok: RunRecord['ok']): void {
    let ended = this.#ended.get(task)
    if (!ended) this.#ended.set(task, (ended = { done: 0, failed: 0, interrupted: 0 }))
    ended[ok === null ? 'interrupted' : ok ? 'done' : 'failed']++
  }

  keepOnly(tasks: ReadonlySet<string>): void {
    for (const name of this.#ended.keys()) if (!tasks.has(name)) this.#ended.delete(name)
  }

  *samples(): Iterable<Sample> {
    for (const [task, ended] of this.#ended)
      for (const [outcome, value] of Object.entries(ended)) yield { labels: { task, outcome }, value }
  }
}

/** What `/metrics` tells of the tasks. */
export function taskMetricSources(tasks: { readonly stats: TaskStats; view(): TasksView }): readonly MetricSource[] {
  const perTask = (value: (task: TaskView) => number | null) => () =>
    tasks.view().tasks.flatMap((task): Sample[] => {
      const found = value(task)
      return found === null ? [] : [{ labels: { task: task.name }, value: found }]
    })
  return [
    gauge('meshgate_leader', '1 while this gateway leads the fleet and runs its tasks', () => (tasks.view().isLeader ? 1 : 0)),
    {
      name: 'meshgate_task_runs_total',
      help: 'Runs that this gateway has ended while it led: done, failed (or not begun), interrupted and left to the next leader',
      kind: 'counter',
      labelNames: ['task', 'outcome'],
      samples: () => tasks.stats.samples(),
    },
    {
      name: 'meshgate_task_running',
      help: '1 while a run of the task is under way at this gateway',
      kind: 'gauge',
      labelNames: ['task'],
      samples: perTask(({ running }) => (running === null ? 0 : 1)),
    },
    {
      name: 'meshgate_task_last_success_timestamp_seconds',
      help: 'Planned time of the latest run that was done in the whole fleet, as far as runs are kept; absent: none was',
      kind: 'gauge',
      labelNames: ['task'],
      samples: perTask(({ runs }) => {
        const done = runs.find(({ ok }) => ok === true)
        return done ? Date.parse(done.fireTime) / 1000 : null
      }),
    },
  ]
}
