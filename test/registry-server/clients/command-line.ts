import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { consulSkip, findConsul } from '../../conformance/consul.ts'
import { targets, type Target } from '../../conformance/targets.ts'
import { runProgram, type Run } from './programs.ts'

/** Consul's own command line, pointed at one registry. */
export interface CommandLine {
  readonly binary: string
  readonly env: Readonly<Record<string, string>>
  readonly port: number
  /** Runs a command that has to succeed; gives what it prints. */
  consul(...args: readonly string[]): Promise<string>
  /** Runs a command, with this for its standard input. */
  run(args: readonly string[], input?: string): Promise<Run>
}

/** What the command line is tried on: the embedded registry, and the real Consul to prove that the test expects what is right. */
export const commandLineTargets: readonly Target[] = targets
  .filter(({ name }) => !name.endsWith('in memory'))
  .map((target) => ({ ...target, skip: consulSkip() }))

/** Opens a registry and points the command line at it. It is closed when the test ends. */
export async function openCommandLine(test: TestContext, target: Target): Promise<CommandLine> {
  const { port, close } = await target.open()
  test.after(close)
  const binary = findConsul() ?? 'consul'
  const env = { CONSUL_HTTP_ADDR: `127.0.0.1:${port}` }
  const run = (args: readonly string[], input = ''): Promise<Run> => runProgram(binary, args, { env, input })
  const consul = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(args)
    assert.equal(code, 0, `consul ${args.join(' ')}: ${stderr}${stdout}`)
    return stdout
  }
  return { binary, env, port, consul, run }
}
