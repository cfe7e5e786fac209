import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { endsWithUs } from './ends-with-us.ts'

/** What an instance can suffer from. */
export const sicknesses = ['kill', 'stop', 'reset', 'half', 'slow'] as const
export type Sickness = (typeof sicknesses)[number]

/** An instance in a process of its own, which can fall ill. */
export interface SickInstance {
  readonly port: number
  fallIll(sickness: Sickness): void
  recover(sickness: Sickness): Promise<void>
  kill(): Promise<void>
}

const program = new URL('sick-instance-program.ts', import.meta.url)

/** Starts it. The caller kills it. */
export async function startSickInstance(): Promise<SickInstance> {
  let child: ChildProcess
  const start = async (port: number): Promise<number> => {
    child = endsWithUs(fork(program, [String(port)]))
    const [bound] = (await once(child, 'message')) as [number]
    return bound
  }
  const port = await start(0)
  return {
    port,
    fallIll: (sickness) => {
      if (sickness === 'kill') child.kill('SIGKILL')
      else if (sickness === 'stop') child.kill('SIGSTOP')
      else child.send(sickness)
    },
    recover: async (sickness) => {
      if (sickness === 'kill') await start(port)
      else if (sickness === 'stop') child.kill('SIGCONT')
      else child.send('well')
    },
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
