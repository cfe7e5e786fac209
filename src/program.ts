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

/** What a program has printed before its end is read within so many turns of the event loop. */
const TURNS_TO_READ = 4

/** Runs a program to its end. Rejects with the system's error if it cannot be started; one that was killed has ended. */
export function runProgram({ command, env, maxOutputBytes, signal }: ProgramOptions): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command
    const output = new ByteTail(maxOutputBytes)
    // Detached: a process group of its own, so that its children can be killed with it.
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...(env ? { env } : {}) })
    // A daemon that it has started has left the group and may hold the pipes open for as long as it lives.
    const letGo = (): void => {
      for (const pipe of [child.stdout, child.stderr]) pipe.destroy()
    }
    const kill = (): void => {
      killGroup(child)
      if (hasEnded(child)) afterTurns(TURNS_TO_READ, letGo)
      else child.once('exit', () => afterTurns(TURNS_TO_READ, letGo))
    }
    const ended = (): void => signal.removeEventListener('abort', kill)
    signal.addEventListener('abort', kill, { once: true })
    for (const pipe of [child.stdout, child.stderr]) {
      pipe.on('data', (chunk: Buffer) => output.push(chunk))
      // What cannot be read is missing in the output; how the program ended is told all the same.
      pipe.on('error', () => {})
    }
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
    // ESRCH: it ended by itself at this moment. EPERM: it runs as another user (set-user-ID), and nobody but its own user can end it.
    if (!['ESRCH', 'EPERM'].includes(systemCodeOf(error) ?? '')) throw error
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function afterTurns(turns: number, run: () => void): void {
  if (turns === 0) run()
  else setImmediate(() => afterTurns(turns - 1, run))
}
