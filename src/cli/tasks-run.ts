import { systemClock } from '../clock.ts'
import type { NamedRun } from '../admin/task-orders.ts'
import type { AskedRun, TaskPlan } from '../controlplane/tasks/task-desk.ts'
import type { RunView } from '../controlplane/tasks/task-view.ts'
import { formatDurationMs, parseDurationMs } from '../durations.ts'
import { GatewayError } from '../errors.ts'
import { askAdmin, tellAdmin, type AdminQuery } from './admin-query.ts'
import type { CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { outcomeText } from './tasks-text.ts'
import { Wait } from './wait.ts'

/** How long `tasks run` waits if it is not told. */
export const RUN_WAITS = '60s'

/** What `meshgate tasks run` was told. */
export interface TaskOrder extends AdminQuery {
  readonly task: string
  readonly wait: boolean
  readonly deadline: string
  readonly isDry: boolean
}

/** Has the leader run a task, or tells what that would do. */
export async function runTask(order: TaskOrder, io: CommandIo): Promise<number> {
  const deadlineMs = parseDurationMs(order.deadline)
  if (deadlineMs === null)
    throw new GatewayError('usage', `--deadline ${order.deadline}: write a duration with its unit, as in 30s`)
  const query = `task=${encodeURIComponent(order.task)}`
  if (order.isDry)
    return printPlan(await askAdmin<TaskPlan>(order.admin, `/tasks/plan?${query}`, 'would'), { io, json: order.json })
  const asked = (await tellAdmin(order.admin, `/tasks/run?${query}`, 'fireTime')) as AskedRun
  if (!order.wait) {
    io.out(
      order.json ? `${JSON.stringify(asked)}\n` : `${order.task}: ${asked.leader.name} is asked to run it (${asked.fireTime})\n`,
    )
    return exitCode.ok
  }
  const run = await awaitOutcome(order, { asked, deadlineMs, io })
  if (order.json) io.out(`${JSON.stringify({ task: order.task, run })}\n`)
  else io.out(`${order.task}: ${outcomeText(run)} (by ${run.by})\n`)
  return run.ok ? exitCode.ok : exitCode.no
}

async function awaitOutcome(
  { admin, task, json }: TaskOrder,
  { asked, deadlineMs, io }: { readonly asked: AskedRun; readonly deadlineMs: number; readonly io: CommandIo },
): Promise<RunView> {
  const query = `task=${encodeURIComponent(task)}&fire=${encodeURIComponent(asked.fireTime)}`
  const onFailure = (message: string): void => void (json || io.err(`${message}; asking again\n`))
  const wait = new Wait({ deadlineMs, clock: systemClock, onFailure })
  for (;;) {
    const { run } = await wait.answerTo(() => askAdmin<NamedRun>(admin, `/tasks/outcome?${query}`, 'run'))
    if (run.ok !== null) return run
    if (wait.isOver) break
    await wait.pause()
  }
  const { run } = (await tellAdmin(admin, `/tasks/withdraw?${query}`, 'run')) as NamedRun
  const after = `after ${formatDurationMs(deadlineMs)}`
  const state = run.ok === null ? `has not ended ${after}, and goes on` : `was not begun ${after} (${asked.leader.name} leads)`
  return { ...run, detail: `${state}: ${run.detail}` }
}

function printPlan(plan: TaskPlan, { io, json }: { readonly io: CommandIo; readonly json: boolean }): number {
  if (json) io.out(`${JSON.stringify(plan)}\n`)
  else io.out(`${plan.task} (${plan.kind}) ${plan.would}\nnext fires: ${plan.next.join(', ')}\n`)
  return exitCode.ok
}
