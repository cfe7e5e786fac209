import { z } from 'zod'
import { formatAddress } from '../../address.ts'
import type { Instance, Registration } from '../registry.ts'
import type { ConsulClient } from './client.ts'
import { parseJson } from './json.ts'

const self = z.object({ Config: z.object({ NodeName: z.string() }) })

/** Registers a service with its check, replacing what was registered under that id (Consul: `agent/service/register`). */
export function register(client: ConsulClient, registration: Registration): Promise<void> {
  const { id, name, address, tags = [], meta = {} } = registration
  const body = {
    ID: id,
    Name: name,
    // An empty address makes Consul use its node's.
    Address: address.host,
    Port: address.port,
    Tags: tags,
    Meta: meta,
    ...checkOf(registration),
  }
  const query = { 'replace-existing-checks': 'true' }
  return client.send({ method: 'PUT', path: '/v1/agent/service/register', query, body: JSON.stringify(body) }, nothing)
}

/** Takes a service of our own agent out; one that is not there is out already (404 in later versions of Consul, 200 in 1.8). */
export function deregister(client: ConsulClient, id: string): Promise<void> {
  return client.send(
    { method: 'PUT', path: `/v1/agent/service/deregister/${encodeURIComponent(id)}`, expect: [200, 404] },
    nothing,
  )
}

/**
 * Takes any instance out. Consul's agent owns what was registered with it, so an instance of our agent's node goes through the agent;
 * one of another node goes through the catalog, and comes back if an agent over there still has it (Consul: anti-entropy).
 */
export async function removeInstance(client: ConsulClient, { id, node }: Pick<Instance, 'id' | 'node'>): Promise<void> {
  const own = await client.send({ method: 'GET', path: '/v1/agent/self' }, ({ body }) => parseJson(body, self).Config.NodeName)
  if (node === own) return deregister(client, id)
  const body = JSON.stringify({ Node: node, ServiceID: id })
  return client.send({ method: 'PUT', path: '/v1/catalog/deregister', body }, nothing)
}

/** Updates the TTL check of a registration; `registry_refused` if there is none. */
export function reportHealth(client: ConsulClient, id: string, status: 'passing' | 'critical', note: string): Promise<void> {
  const body = JSON.stringify({ Status: status, Output: note })
  return client.send({ method: 'PUT', path: `/v1/agent/check/update/${encodeURIComponent(`service:${id}`)}`, body }, nothing)
}

function checkOf({ check }: Registration): object {
  if (!check) return {}
  if (check.kind === 'ttl')
    return { Check: { TTL: `${check.ttlMs}ms`, DeregisterCriticalServiceAfter: `${check.deregisterAfterMs}ms` } }
  const target = check.kind === 'http' ? { HTTP: check.url } : { TCP: formatAddress(check.address) }
  return { Check: { ...target, Interval: `${check.everyMs}ms`, Timeout: `${check.timeoutMs}ms` } }
}

function nothing(): void {}
