import type { ColdConfig, MachineConfig, TaskConfig } from './config.ts'
import type { ConfigProblem } from './problem.ts'
import type { Written } from './written.ts'

/** What a task of the kind `exec` wants to run. */
interface WantedProgram {
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** Finds tasks of a file that run programs in a way that the same file does not let them. */
export function execProblems({ machine }: ColdConfig, tasks: readonly Written<TaskConfig>[]): readonly ConfigProblem[] {
  return tasks.flatMap(({ value: { kind, options }, place }) => {
    const problem = kind === 'exec' ? execProblem(options as WantedProgram, machine) : null
    return problem === null ? [] : [{ ...place, message: `${problem}, or take the task out` }]
  })
}

/** Says what the operator of a machine would have to write in the config file there for a program to be run so; null: it may be. */
export function execProblem({ command: [program], env }: WantedProgram, { exec, execEnv }: MachineConfig): string | null {
  if (!exec.includes(program)) return `may not run ${program}: write machine: { exec: [${program}] }`
  const name = Object.keys(env).find((one) => !execEnv.includes(one))
  return name === undefined ? null : `may not set ${name} for ${program}: write machine: { execEnv: [${name}] }`
}
