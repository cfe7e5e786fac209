import type { Socket } from 'node:net'
import { afterEach } from 'node:test'
import { startDataPlane, type DataPlaneOptions, type TestDataPlane } from './data-plane.ts'
import { startInstance, type Answer, type TestInstance } from './instance.ts'
import { openRaw, startRawInstance, type RawClient, type RawInstance } from './raw-socket.ts'

/** The parts of a data-plane test; what a test starts through it ends with that test. */
export interface DataPlaneFixture {
  readonly dataPlane: (options: DataPlaneOptions) => Promise<TestDataPlane>
  readonly instance: (answer?: Answer) => Promise<TestInstance>
  readonly rawInstance: (onConnection: (socket: Socket) => void) => Promise<RawInstance>
  readonly client: (port: number) => Promise<RawClient>
  /** Runs after the test, last one first. */
  readonly cleanUp: (run: () => Promise<unknown> | void) => void
}

/** To be called once at the top of a test file. */
export function dataPlaneFixture(): DataPlaneFixture {
  const cleanups: (() => Promise<unknown> | void)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })
  const cleanUp = (run: () => Promise<unknown> | void): void => void cleanups.push(run)
  return {
    cleanUp,
    dataPlane: async (options) => {
      const plane = await startDataPlane(options)
      cleanUp(() => plane.close())
      return plane
    },
    instance: async (answer) => {
      const instance = await startInstance('good', answer)
      cleanUp(() => instance.kill())
      return instance
    },
    rawInstance: async (onConnection) => {
      const instance = await startRawInstance(onConnection)
      cleanUp(() => instance.kill())
      return instance
    },
    client: async (port) => {
      const client = await openRaw(port)
      cleanUp(() => void client.socket.destroy())
      return client
    },
  }
}

/** The `error.code` of one of our error replies. */
export function errorCodeOf(body: string): unknown {
  return (JSON.parse(body) as { error: { code: string } }).error.code
}
