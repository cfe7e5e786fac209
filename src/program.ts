import { spawn, type ChildProcess } from 'node:child_process'
import { ByteTail } from './byte-tail.ts'
import { systemCodeOf } from './errors.ts'

export interface ProgramOptions {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly string[]
  /** Absent: this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** So much of the end of what it prints is kept, bytes. */
  readonly maxOutputBytes: number
  /** Kills it, with all that it has started. */
  readonly signal: AbortSignal
}

export interface ProgramEnd {
  /** Null: a signal has ended it. */
  readonly exitCode: number | null
  readonly output: ByteTail
}

/** Runs a program to its end. Rejects with the system's error if it cannot be started; one that was killed has ended. */
export function runProgram({ command, env, maxOutputBytes, signal }: ProgramOptions): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command
    const output = new ByteTail(maxOutputBytes)
    // Detached: a process group of its own, so that its children can be killed with it.
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...(env ? { env } : {}) })
    const kill = (): void => killGroup(child)
    const ended = (): void => signal.removeEventListener('abort', kill)
    signal.addEventListener('abort', kill, { once: true })
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', (error) => {
      ended()
      reject(error)
    })
    child.on('close', (exitCode) => {
      ended()
      resolve({ exitCode, output })
    })
    if (signal.aborted) kill()
  })
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // ESRCH: it ended by itself at this moment.
    if (systemCodeOf(error) !== 'ESRCH') throw error
  }
}
