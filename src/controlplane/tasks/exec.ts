import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { ByteTail } from '../../byte-tail.ts'
import type { MachineConfig } from '../../config/config.ts'
import { execProblem } from '../../config/exec-problems.ts'
import { GatewayError, messageOf } from '../../errors.ts'
import { runProgram } from '../../program.ts'
import type { TaskContext, TaskKind } from './task-kind.ts'

/** So much of what a program prints is in the record, bytes: its end. */
const MAX_OUTPUT_BYTES = 2_048
/** What a program gets of the gateway's environment: nothing that may be a secret. */
const PASSED_ON: readonly string[] = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR']

export interface ExecOptions {
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

const options = z
  .strictObject({
    command: z
      .tuple([z.string().refine(isAbsolute, 'write the whole path of the program, as in /usr/local/bin/report')], z.string())
      .meta({
        description: 'The program, by its whole path, and its arguments; no shell reads them.',
        examples: [['/usr/local/bin/report', '--full']],
      }),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of a variable: write letters, digits and "_"'), z.string())
      .optional()
      .meta({
        description: `Variables for it that machine.execEnv names, beside MESHGATE_TASK, MESHGATE_FIRE, MESHGATE_IDEMPOTENCY_KEY, MESHGATE_FENCING_TOKEN and the gateway's ${PASSED_ON.join(', ')}. Default: none.`,
        examples: [{ REPORT_FORMAT: 'pdf' }],
      }),
  })
  .transform(({ command, env }): ExecOptions => ({ command, env: env ?? {} }))
  .describe('Runs a program on the machine of the leader, if machine.exec there has it; any exit code but 0 is a failure.')

/** Task kind `exec`: one program on the machine of the leader. It is killed with all it has started when its time or the term is over. */
export const execTask: TaskKind<ExecOptions> = {
  options,
  run: async ({ command, env }, context) => {
    requireAllowed({ command, env }, context.machine)
    const { exitCode, output } = await runProgram({
      command,
      env: { ...ownEnv(), ...env, ...runEnv(context) },
      maxOutputBytes: MAX_OUTPUT_BYTES,
      signal: context.signal,
    }).catch((error: unknown) => {
      throw new GatewayError('task_failed', `${command[0]} cannot be run: ${messageOf(error)}`, { cause: error })
    })
    context.signal.throwIfAborted()
    const ended = `${command[0]} ended with ${exitCode === null ? 'a signal' : `exit code ${exitCode}`}${printed(output)}`
    if (exitCode !== 0) throw new GatewayError('task_failed', ended)
    return ended
  },
  plan: async ({ command, env }, { machine }) => {
    requireAllowed({ command, env }, machine)
    const names = Object.keys(env).join(', ')
    return `runs ${JSON.stringify(command)} on the machine of the leader${names === '' ? '' : `, with ${names}`}`
  },
}

function requireAllowed(wanted: ExecOptions, machine: MachineConfig): void {
  const problem = execProblem(wanted, machine)
  if (problem !== null) throw new GatewayError('task_failed', `this gateway ${problem} in its config file`)
}

function ownEnv(): Readonly<Record<string, string>> {
  return Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}

function runEnv({ task, fireTime, key, term }: TaskContext): Readonly<Record<string, string>> {
  return {
    MESHGATE_TASK: task,
    MESHGATE_FIRE: fireTime.toISOString(),
    MESHGATE_IDEMPOTENCY_KEY: key,
    MESHGATE_FENCING_TOKEN: String(term),
  }
}

function printed(output: ByteTail): string {
  const text = output.toString().trim()
  if (text === '') return ''
  const cut = output.totalBytes > output.keptBytes ? `… (the last ${output.keptBytes} of ${output.totalBytes} bytes) ` : ''
  return `: ${cut}${text}`
}
