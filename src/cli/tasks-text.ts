import type { Attempt } from '../controlplane/tasks/run-record.ts'
import type { RunView, TaskView } from '../controlplane/tasks/task-view.ts'
import { formatDurationMs } from '../durations.ts'
import { tableText } from './admin-query.ts'

/** How a run or an attempt does, in one line. */
export function outcomeText({ ok, detail }: Pick<RunView, 'ok' | 'detail'>): string {
  const [line = ''] = detail.split('\n')
  if (ok === null) return line
  return `${ok ? 'ok' : 'failed'}: ${line}`
}

/** The runs of one task, the latest first; those of several attempts with each. */
export function historyText({ name, cron, timezone, kind, overlap, catchUp, next, running, waiting, runs }: TaskView): string {
  const under = running === null ? '' : `running: ${running}${waiting === null ? '' : `, waiting: ${waiting}`}\n`
  const head = `${name}: ${kind}, "${cron}" ${timezone}, overlap ${overlap}, catchUp ${catchUp}, next ${next ?? '-'}\n${under}`
  return `${head}${tableText(['PLANNED', 'TOOK', 'BY', 'TERM', 'OUTCOME'], runs.flatMap(runRows))}`
}

function runRows(run: RunView): readonly (readonly string[])[] {
  const took = run.durationMs === null ? '-' : formatDurationMs(run.durationMs)
  const attempts = run.attempts.length > 1 ? run.attempts.map(attemptRow) : []
  return [[run.fireTime, took, run.by, run.term, `${outcomeText(run)}${causeText(run)}`], ...attempts]
}

function attemptRow({ startedAt, endedAt, by, term, ok, detail }: Attempt, at: number): readonly string[] {
  const took = endedAt === null ? '-' : formatDurationMs(Date.parse(endedAt) - Date.parse(startedAt))
  return [`  attempt ${at + 1}`, took, by, term, outcomeText({ ok, detail })]
}

function causeText({ cause, since }: RunView): string {
  if (cause === 'request') return ' [asked for]'
  if (cause === 'catchUp') return since === null ? ' [made up for]' : ` [makes up for all since ${since}]`
  return ''
}
