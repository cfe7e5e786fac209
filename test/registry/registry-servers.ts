import { startRegistryThread } from '../../src/registry-server/thread.ts'
import { silentLogger } from '../../src/logging.ts'
import { skipWithoutConsul, startConsul } from '../support/consul.ts'

/** A registry server for a test. */
export interface RegistryServerUnderTest {
  /** `http://host:port`. */
  readonly address: string
  stop(): Promise<void>
}

/** Every registry server that our client talks to: its suites loop over them. The node is `n1`. */
export const registryServers: readonly {
  readonly name: string
  readonly skip: string | false
  readonly start: () => Promise<RegistryServerUnderTest>
}[] = [
  { name: 'a real Consul', skip: skipWithoutConsul(), start: startConsul },
  {
    name: 'the embedded registry',
    skip: false,
    start: async () => {
      const options = { http: { host: '127.0.0.1', port: 0 }, data: null, node: 'n1', datacenter: 'dc1' }
      const server = await startRegistryThread(options, silentLogger)
      return { address: `http://127.0.0.1:${server.address.port}`, stop: () => server.close() }
    },
  },
]
