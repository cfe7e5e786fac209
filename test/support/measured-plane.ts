import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { endsWithUs } from './ends-with-us.ts'

/** What a process holds. */
export interface Held {
  /** In use by JavaScript, with what lies outside of its heap. */
  readonly heapBytes: number
  readonly residentBytes: number
  readonly descriptors: number
}

/** A data plane in a process of its own, so that what its clients and services hold is not counted. Linux only. */
export interface MeasuredPlane {
  readonly port: number
  readonly url: string
  /** What it holds now. */
  held(): Promise<Held>
  /** What it holds after its garbage has been collected. */
  heldAtRest(): Promise<Held>
  stop(): Promise<void>
}

/** Starts it in front of instances on 127.0.0.1. The caller stops it. */
export async function startMeasuredPlane(ports: readonly number[]): Promise<MeasuredPlane> {
  const script = fileURLToPath(new URL('./measured-plane-child.ts', import.meta.url))
  const child: ChildProcess = endsWithUs(
    fork(script, ports.map(String), { execArgv: ['--expose-gc', '--max-semi-space-size=4'] }),
  )
  const [port] = (await once(child, 'message')) as [number]
  const ask = async (isCollecting: boolean): Promise<Held> => {
    const answer = once(child, 'message')
    child.send(isCollecting)
    return ((await answer) as [Held])[0]
  }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    held: () => ask(false),
    heldAtRest: () => ask(true),
    stop: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
