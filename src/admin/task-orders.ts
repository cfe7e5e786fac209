import type { TaskDesk, AskedRun, TaskPlan } from '../controlplane/tasks/task-desk.ts'
import type { RunView } from '../controlplane/tasks/task-view.ts'
import { GatewayError } from '../errors.ts'

/** One run, as `?task=NAME&fire=TIME` names it. */
export interface NamedRun {
  readonly task: string
  readonly run: RunView
}

/** Each throws `usage`, and what the desk throws. */
export function askForRun(desk: Pick<TaskDesk, 'ask'>, query: URLSearchParams): Promise<AskedRun> {
  return desk.ask(taskIn(query))
}

export function planRun(desk: Pick<TaskDesk, 'plan'>, query: URLSearchParams): Promise<TaskPlan> {
  return desk.plan(taskIn(query))
}

export async function outcomeOfRun(desk: Pick<TaskDesk, 'run'>, query: URLSearchParams): Promise<NamedRun> {
  const task = taskIn(query)
  return { task, run: await desk.run(task, fireIn(query)) }
}

export async function withdrawRun(desk: Pick<TaskDesk, 'withdraw'>, query: URLSearchParams): Promise<NamedRun> {
  const task = taskIn(query)
  return { task, run: await desk.withdraw(task, fireIn(query)) }
}

function taskIn(query: URLSearchParams): string {
  const task = query.get('task') ?? ''
  if (task === '') throw new GatewayError('usage', 'name a task: ?task=NAME')
  return task
}

function fireIn(query: URLSearchParams): Date {
  const written = query.get('fire') ?? ''
  const fireTime = new Date(written)
  if (Number.isNaN(fireTime.getTime()))
    throw new GatewayError('usage', 'name a run by its planned time: &fire=2026-11-23T03:00:00.000Z')
  return fireTime
}
