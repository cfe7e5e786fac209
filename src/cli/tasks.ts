import type { TasksView } from '../controlplane/tasks/scheduler.ts'
import { adminOptionsHelp, askAdmin, parseAdminArgs, tableText } from './admin-query.ts'
import type { Command } from './command.ts'
import { exitCode } from './exit-codes.ts'

/** Prints who leads and each task with its next and its last run. */
export const tasksCommand: Command = {
  name: 'tasks',
  summary: 'who leads the fleet, each task with its next fire and its last run',
  help: `usage: meshgate tasks [OPTIONS]

The leader on the first line, then one line per task.

${adminOptionsHelp}`,
  run: async (args, io) => {
    const { admin, json } = parseAdminArgs(args)
    const view = await askAdmin<TasksView>(admin, '/tasks', 'tasks')
    if (json) io.out(`${JSON.stringify(view)}\n`)
    else
      io.out(
        `${leaderLine(view)}\n${tableText(['TASK', 'CRON', 'ZONE', 'NEXT', 'LAST', 'BY', 'OUTCOME'], view.tasks.map(taskRow))}`,
      )
    return exitCode.ok
  },
}

function leaderLine({ leader, isLeader }: TasksView): string {
  if (!leader) return 'nobody leads at present'
  return `leader: ${leader.name}${isLeader ? ' (this gateway)' : ''}, term ${leader.term}`
}

function taskRow({ name, cron, timezone, next, last }: TasksView['tasks'][number]): readonly string[] {
  const outcome = !last ? '-' : last.ok === null ? 'running' : `${last.ok ? 'ok' : 'failed'}: ${last.detail}`
  return [name, cron, timezone, next ?? '-', last?.fireTime ?? '-', last?.by ?? '-', outcome]
}
