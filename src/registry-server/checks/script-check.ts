import { spawn, type ChildProcess } from 'node:child_process'
import { messageOf, systemCodeOf } from '../../errors.ts'
import { ByteTail } from './byte-tail.ts'
import type { Probe, ProbeResult } from './interval-check.ts'

/**
 * Runs a program: exit code 0 is passing, 1 a warning, anything else critical; the output is the end of what it printed. After the
 * timeout it is killed with everything it has started.
 */
export const probeScript: Probe = (definition, clock, signal) =>
  new Promise((resolve) => {
    const { args: [program = '', ...args] = [], outputMaxBytes, timeoutMs } = definition
    const output = new ByteTail(outputMaxBytes)
    // Detached: a process group of its own, so that its children can be killed with it.
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let isLate = false
    const kill = (): void => killGroup(child)
    const timer = clock.after(timeoutMs, () => {
      isLate = true
      kill()
    })
    const end = (result: ProbeResult): void => {
      timer.cancel()
      signal.removeEventListener('abort', kill)
      resolve(result)
    }
    signal.addEventListener('abort', kill, { once: true })
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', (error) => end({ status: 'critical', output: startProblem(program, error) }))
    child.on('close', (code) => {
      if (!isLate) return end({ status: statusOf(code), output: textOf(output) })
      const said = textOf(output)
      const late = `Timed out (${goDuration(timeoutMs)}) running check`
      end({ status: 'critical', output: said === '' ? late : `${late}\n\n${said}` })
    })
    if (signal.aborted) kill()
  })

function statusOf(exitCode: number | null): ProbeResult['status'] {
  if (exitCode === 0) return 'passing'
  return exitCode === 1 ? 'warning' : 'critical'
}

function textOf(output: ByteTail): string {
  if (output.totalBytes === output.keptBytes) return output.toString()
  return `Captured ${output.keptBytes} of ${output.totalBytes} bytes\n...\n${output.toString()}`
}

function startProblem(program: string, error: unknown): string {
  const sentence = systemCodeOf(error) === 'EACCES' ? 'permission denied' : 'no such file or directory'
  if (!['ENOENT', 'EACCES'].includes(systemCodeOf(error) ?? '')) return messageOf(error)
  return program.includes('/')
    ? `fork/exec ${program}: ${sentence}`
    : `exec: ${JSON.stringify(program)}: executable file not found in $PATH`
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

/** As Go prints a duration: `500ms`, `1.5s`, `1m30s`, `1h0m0s`. */
function goDuration(durationMs: number): string {
  if (durationMs < 1000) return `${durationMs}ms`
  const seconds = durationMs / 1000
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    Number((seconds % 60).toFixed(3)),
  ]
  return `${hours > 0 ? `${hours}h` : ''}${seconds >= 60 ? `${minutes}m` : ''}${rest}s`
}
