import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'
import { endsWithUs } from './ends-with-us.ts'

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A meshgate in a process of its own, as a person runs it. */
export interface MeshgateProcess {
  readonly pid: number
  /** Everything it has printed so far. */
  output(): string
  /** Sends a signal and waits for the end; gives the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
  readonly exited: Promise<number | NodeJS.Signals>
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts `meshgate ARGS`. The caller ends it. */
export function spawnMeshgate(args: readonly string[], { cwd, env }: SpawnOptions = {}): MeshgateProcess {
  const child: ChildProcess = endsWithUs(
    spawn(process.execPath, [mainFile, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  let printed = ''
  const collect = (chunk: Buffer): void => void (printed += chunk.toString())
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  // 'close' and not 'exit': by then all output has arrived.
  const exited = once(child, 'close').then(
    ([code, signal]: (number | NodeJS.Signals | null)[]) => code ?? signal ?? 0,
  ) as Promise<number | NodeJS.Signals>
  return {
    pid: child.pid ?? 0,
    output: () => printed,
    exited,
    end: async (signal) => {
      child.kill(signal)
      return exited
    },
  }
}

/** Runs `meshgate ARGS` to its end. */
export async function runMeshgate(
  args: readonly string[],
  options?: SpawnOptions,
): Promise<{ code: number | string; output: string }> {
  const running = spawnMeshgate(args, options)
  const code = await running.exited
  return { code, output: running.output() }
}

/**
 * Ports that nobody had a moment ago, for programs that cannot be told "any", and for addresses where nobody answers. They lie below
 * those that systems give to whoever asks for any (32768 and above on Linux), so that no other test file is given them meanwhile.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = []
  while (servers.length < count) {
    const server = await listenOnce(randomInt(10_000, 32_000))
    if (server) servers.push(server)
  }
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Null when somebody has the port. */
async function listenOnce(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1')
  return once(server, 'listening').then(
    () => server,
    () => null,
  )
}

/** Waits until the admin API on that port says ready. */
export async function untilReady(adminPort: number, process: MeshgateProcess): Promise<void> {
  let ended = false
  void process.exited.then(() => (ended = true))
  await until(
    `gateway with admin on ${adminPort} is ready`,
    async () => {
      if (ended) throw new Error(`it ended: ${process.output()}`)
      return (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok
    },
    40_000,
  ).catch((error: unknown) => {
    throw new Error(`not ready; its output:\n${process.output()}`, { cause: error })
  })
}
