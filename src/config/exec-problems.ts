import type { ColdConfig, TaskConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import type { Written } from './written.ts'

/** Finds tasks of a file that run programs which the same file does not let them run. */
export function execProblems({ machine }: ColdConfig, tasks: readonly Written<TaskConfig>[]): readonly ConfigProblem[] {
  return tasks.flatMap(({ value: { kind, options }, place }) => {
    const [program = ''] = kind === 'exec' ? (options as { readonly command: readonly string[] }).command : []
    if (kind !== 'exec' || machine.exec.includes(program)) return []
    return [{ ...place, message: `may not run ${program}: write machine: { exec: [${program}] }, or take the task out` }]
  })
}
