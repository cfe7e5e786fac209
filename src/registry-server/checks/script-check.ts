import type { ByteTail } from '../../byte-tail.ts'
import { messageOf, systemCodeOf } from '../../errors.ts'
import { runProgram } from '../../program.ts'
import type { Probe, ProbeResult } from './interval-check.ts'

/**
 * Runs a program: exit code 0 is passing, 1 a warning, anything else critical; the output is the end of what it printed. After the
 * timeout it is killed with everything it has started.
 */
export const probeScript: Probe = async ({ args = [], outputMaxBytes, timeoutMs }, clock, signal) => {
  const end = new AbortController()
  const kill = (): void => end.abort()
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  let isLate = false
  const timer = clock.after(timeoutMs, () => {
    isLate = true
    kill()
  })
  try {
    const { exitCode, output } = await runProgram({ command: args, maxOutputBytes: outputMaxBytes, signal: end.signal })
    if (!isLate) return { status: statusOf(exitCode), output: textOf(output) }
    const said = textOf(output)
    const late = `Timed out (${goDuration(timeoutMs)}) running check`
    return { status: 'critical', output: said === '' ? late : `${late}\n\n${said}` }
  } catch (error) {
    return { status: 'critical', output: startProblem(args[0] ?? '', error) }
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', kill)
  }
}

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
