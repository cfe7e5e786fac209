import { parseArgs } from 'node:util'
import type { TasksView, TaskView } from '../controlplane/tasks/task-view.ts'
import { GatewayError } from '../errors.ts'
import { adminAddress, adminOptions, adminOptionsHelp, askAdmin, tableText } from './admin-query.ts'
import type { Command, CommandIo } from './command.ts'
import { exitCode } from './exit-codes.ts'
import { runTask, RUN_WAITS } from './tasks-run.ts'
import { historyText, outcomeText } from './tasks-text.ts'

/** Prints who leads and each task with its next and its last run, or the history of one; runs one. */
export const tasksCommand: Command = {
  name: 'tasks',
  summary: 'who leads the fleet, each task with its next fire and its last run; runs one',
  help: `usage: meshgate tasks [OPTIONS]
       meshgate tasks NAME [OPTIONS]
       meshgate tasks run NAME [--no-wait] [--deadline D] [--dry-run] [OPTIONS]

The leader on the first line, then one line per task; with NAME the last runs of one, with each attempt (a task called "run" is shown
in the list alone). run has the leader run it, whichever gateway is asked: as soon as nothing else of the task runs.

  --no-wait           returns when the order is written; otherwise when the run has ended
  --deadline D        how long to wait for that (default ${RUN_WAITS}); an order that no leader has taken by then is withdrawn
  --dry-run           tells what a run would do and when the task fires next, and runs nothing

${adminOptionsHelp}

Exit code: 0 (run: it was done), 1 the run has failed, is not done in time, or nobody leads, 2 wrong usage.

example:
  meshgate tasks run nightly-report --deadline 5m`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      allowNegative: true,
      options: {
        ...adminOptions,
        wait: { type: 'boolean', default: true },
        deadline: { type: 'string', default: RUN_WAITS },
        'dry-run': { type: 'boolean', default: false },
      },
    })
    const query = { admin: adminAddress(values.admin), json: values.json }
    const [first, second, ...more] = positionals
    if (more.length > 0) throw new GatewayError('usage', `tasks: "${more[0]}" is one word too many`)
    if (first === 'run' && second !== undefined)
      return runTask({ ...query, task: second, wait: values.wait, deadline: values.deadline, isDry: values['dry-run'] }, io)
    if (first === 'run') throw new GatewayError('usage', 'tasks run: name the task: tasks run NAME')
    if (second !== undefined)
      throw new GatewayError('usage', `tasks: what is to be done with "${second}"? There is: tasks run NAME`)
    if (!values.wait || values['dry-run'] || values.deadline !== RUN_WAITS)
      throw new GatewayError('usage', 'tasks: --no-wait, --deadline and --dry-run are of a run: tasks run NAME')
    const view = await askAdmin<TasksView>(query.admin, '/tasks', 'tasks')
    if (first !== undefined) return printHistory(first, view, { io, json: query.json })
    io.out(query.json ? `${JSON.stringify(view)}\n` : listText(view))
    return exitCode.ok
  },
}

function printHistory(name: string, view: TasksView, { io, json }: { readonly io: CommandIo; readonly json: boolean }): number {
  const task = view.tasks.find((one) => one.name === name)
  if (!task) {
    const names = view.tasks.map((one) => one.name).join(', ')
    throw new GatewayError('not_found', `there is no task "${name}"; there are ${names || 'none'}`)
  }
  io.out(json ? `${JSON.stringify(task)}\n` : `${leaderLine(view)}\n${historyText(task)}`)
  return exitCode.ok
}

function listText(view: TasksView): string {
  const head = ['TASK', 'CRON', 'ZONE', 'NEXT', 'LAST', 'BY', 'OUTCOME']
  return `${leaderLine(view)}\n${tableText(head, view.tasks.map(taskRow))}`
}

function leaderLine({ leader, isLeader }: TasksView): string {
  if (!leader) return 'nobody leads at present'
  return `leader: ${leader.name}${isLeader ? ' (this gateway)' : ''}, term ${leader.term}`
}

function taskRow({ name, cron, timezone, next, last }: TaskView): readonly string[] {
  return [name, cron, timezone, next ?? '-', last?.fireTime ?? '-', last?.by ?? '-', last ? outcomeText(last) : '-']
}
