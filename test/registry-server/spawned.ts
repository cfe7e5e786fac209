import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../support/meshgate-process.ts'
import { endsWithUs } from '../support/ends-with-us.ts'

const script = fileURLToPath(new URL('./serve.ts', import.meta.url))

/** A registry in a process of its own, on a port that stays the same over its restarts. */
export interface SpawnedRegistry {
  readonly url: string
  readonly pid: number
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again after {@link kill}; resolves when it listens. Rejects when it refuses to start. */
  start(): Promise<void>
}

/** See {@link fastClock}. */
export interface FastTime {
  readonly factor: number
  readonly since: number
}

/** Starts a registry on a data folder. It is killed when the test ends. */
export async function spawnRegistry(context: TestContext, data: string, fast?: FastTime): Promise<SpawnedRegistry> {
  const [port] = await freePorts(1)
  let child: ReturnType<typeof open>
  const open = () =>
    endsWithUs(
      spawn(process.execPath, [script, data, String(port), ...(fast ? [String(fast.factor), String(fast.since)] : [])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
  let exited: Promise<unknown> = Promise.resolve()
  const start = async (): Promise<void> => {
    child = open()
    exited = once(child, 'exit')
    const listens = once(child.stdout, 'data')
    await Promise.race([listens, exited.then(() => Promise.reject(new Error('the registry ended before it listened')))])
  }
  await start()
  context.after(() => child.kill('SIGKILL'))
  return {
    url: `http://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0
    },
    start,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
