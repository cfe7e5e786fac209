import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `scripts/install-clients.sh` puts other people's clients. */
const clientsFolder = fileURLToPath(new URL('../../../.clients', import.meta.url))

/** Why a test of an installed client is skipped; false when it is there. In CI it must be there, so there it is never skipped. */
export function clientSkip(): string | false {
  if (existsSync(join(clientsFolder, 'complete-2')) || process.env['CI'] === 'true') return false
  return 'no clients in .clients: run `sh scripts/install-clients.sh` once'
}

/** The path of a file that `scripts/install-clients.sh` has put there. */
export function clientFile(...path: readonly string[]): string {
  return join(clientsFolder, 'usr', ...path)
}

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs a program to its end, for 20 seconds at most. */
export async function runProgram(file: string, args: readonly string[], { env = {}, input = '' }: RunOptions = {}): Promise<Run> {
  const child = spawn(file, args, { env: { ...process.env, ...env }, timeout: 20_000, killSignal: 'SIGKILL' })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  // A program that ends without having read its input is no failure of the test.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}
