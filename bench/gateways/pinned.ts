import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** What is measured has a core of its own; everything else shares the other one. */
export type Core = 'measured' | 'load' | 'any'

const cores: Readonly<Record<Core, string>> = { measured: '0', load: '1', any: '0-1' }

/** The command on its core, where there are two. */
export function pinned(core: Core, command: readonly string[]): readonly [string, ...string[]] {
  if (core === 'any' || availableParallelism() < 2) return [command[0] ?? '', ...command.slice(1)]
  return ['taskset', '-c', cores[core], ...command]
}

export interface RunningProcess {
  readonly pid: number
  /** What it has printed last, for messages. */
  output(): string
  stop(): Promise<void>
}

/** What has to end with this process. */
const ends = new Set<() => boolean>()
process.once('exit', () => ends.forEach((end) => end()))

/** Starts a command on its core; it ends with this process at the latest. */
export function startPinned(core: Core, command: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProcess {
  const [program, ...args] = pinned(core, command)
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe']
  const child: ChildProcess = spawn(program, args, { stdio, env: { ...process.env, ...env } })
  let printed = ''
  const keep = (chunk: Buffer): void => void (printed = (printed + chunk.toString()).slice(-2_000))
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  // SIGKILL would leave nginx's workers behind.
  const end = (): boolean => child.kill('SIGTERM')
  ends.add(end)
  return {
    pid: child.pid ?? 0,
    output: () => printed,
    stop: async () => {
      ends.delete(end)
      end()
      const late = setTimeout(() => child.kill('SIGKILL'), 3_000)
      await ended
      clearTimeout(late)
    },
  }
}
