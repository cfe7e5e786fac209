import { systemClock, systemRandom } from '../../src/clock.ts'
import { silentLogger } from '../../src/logging.ts'
import { startRegistryServer, type RegistryServer } from '../../src/registry-server/server.ts'
import { openConsulRegistry } from '../../src/registry/consul/consul-registry.ts'
import type { Registry } from '../../src/registry/registry.ts'

const parts = { clock: systemClock, random: systemRandom, logger: silentLogger }

/** An embedded registry in memory with a client of it. */
export interface TestRegistry {
  readonly server: RegistryServer
  /** `http://host:port` */
  readonly address: string
  readonly registry: Registry
  close(): Promise<void>
}

/** Starts it on a free port, or on one that the caller names. The caller closes it. */
export async function startEmbedded(port = 0): Promise<TestRegistry> {
  const server = await startRegistryServer({
    http: { host: '127.0.0.1', port },
    data: null,
    node: 'n1',
    datacenter: 'dc1',
    ...parts,
  })
  const address = `http://127.0.0.1:${server.address.port}`
  const registry = openConsulRegistry({ address, token: null, datacenter: null, ...parts })
  const close = async (): Promise<void> => {
    await registry.close()
    await server.close()
  }
  return { server, address, registry, close }
}

/** The instances of a service with their status, as `health/service` tells. */
export async function listed(address: string, service: string): Promise<readonly { id: string; status: string }[]> {
  const answer = await fetch(`${address}/v1/health/service/${service}`)
  const entries = (await answer.json()) as { Service: { ID: string }; Checks: { CheckID: string; Status: string }[] }[]
  return entries.map(({ Service, Checks }) => ({
    id: Service.ID,
    status: Checks.find(({ CheckID }) => CheckID.startsWith('service:'))?.Status ?? 'none',
  }))
}
