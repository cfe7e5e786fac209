import { z } from 'zod'
import type { Datacenters, Instance, RegistryStatus } from '../registry.ts'
import type { ConsulClient, ConsulReply } from './client.ts'
import { parseJson } from './json.ts'

const check = z.object({ CheckID: z.string(), Status: z.string() })
const weight = z.number().min(0)

const healthEntry = z.object({
  Node: z.object({ Node: z.string(), Address: z.string(), Meta: z.record(z.string(), z.string()).nullish() }),
  Service: z.object({
    ID: z.string(),
    Service: z.string(),
    Address: z.string().nullish(),
    // Consul takes any number: one wrong registration must not hide the other instances of the service.
    Port: z.int().nullish(),
    Tags: z.array(z.string()).nullish(),
    Meta: z.record(z.string(), z.string()).nullish(),
    Weights: z.object({ Passing: weight, Warning: weight }).nullish(),
  }),
  Checks: z.array(check).nullish(),
})

const healthEntries = z.array(healthEntry)
const agentSelf = z.object({ Meta: z.record(z.string(), z.string()).nullish() })
const agentConfig = z.object({ Config: z.object({ Datacenter: z.string() }) })
const datacenters = z.array(z.string())
const services = z.record(z.string(), z.unknown())
const criticalChecks = z.array(z.object({ ServiceName: z.string().nullish() }))

/** The path that lists all instances of a service, whatever their health. */
export function instancesPath(service: string): string {
  return `/v1/health/service/${encodeURIComponent(service)}`
}

/** Reads `health/service/<name>`. Sorted, since the registry's order means nothing. */
export function decodeInstances({ body }: ConsulReply): readonly Instance[] {
  const instances = parseJson(body, healthEntries).map(instanceOf)
  return instances.toSorted((a, b) => compare(a.node, b.node) || compare(a.id, b.id))
}

/** Reads the names of `catalog/services`, sorted. */
export function decodeServices({ body }: ConsulReply): readonly string[] {
  return Object.keys(parseJson(body, services)).toSorted(compare)
}

/** The meta of the agent's own node. */
export function readOwnNodeMeta(client: ConsulClient): Promise<Readonly<Record<string, string>>> {
  return client.send({ method: 'GET', path: '/v1/agent/self' }, ({ body }) => parseJson(body, agentSelf).Meta ?? {})
}

/**
 * Which datacenters there are; `own` is the one that all is asked of, null: the agent's. Their names anybody may read, the agent's own only with
 * `agent:read`.
 */
export async function readDatacenters(client: ConsulClient, own: string | null): Promise<Datacenters> {
  const all = await client.send({ method: 'GET', path: '/v1/catalog/datacenters' }, ({ body }) => parseJson(body, datacenters))
  const ofAgent = { method: 'GET', path: '/v1/agent/self', expect: [200, 403] } as const
  return { all, own: own ?? (await client.send(ofAgent, datacenterOf)) }
}

function datacenterOf({ status, body }: ConsulReply): string | null {
  return status === 200 ? parseJson(body, agentConfig).Config.Datacenter : null
}

/** Every instance that is critical and not in maintenance. */
export async function readCriticalInstances(client: ConsulClient): Promise<readonly Instance[]> {
  const names = await client.send({ method: 'GET', path: '/v1/health/state/critical' }, ({ body }) =>
    parseJson(body, criticalChecks).map(({ ServiceName }) => ServiceName ?? ''),
  )
  // A check without a service belongs to a node and makes everything there critical.
  const suspects = names.includes('') ? await client.send({ method: 'GET', path: '/v1/catalog/services' }, decodeServices) : names
  const critical: Instance[] = []
  for (const service of new Set(suspects)) {
    const instances = await client.send({ method: 'GET', path: instancesPath(service) }, decodeInstances)
    critical.push(...instances.filter(({ status }) => status === 'critical'))
  }
  return critical
}

function instanceOf({ Node, Service, Checks }: z.infer<typeof healthEntry>): Instance {
  const status = statusOf(Checks ?? [])
  const weights = Service.Weights
  return {
    id: Service.ID,
    service: Service.Service,
    node: Node.Node,
    nodeMeta: Node.Meta ?? {},
    address: { host: Service.Address || Node.Address, port: Service.Port ?? 0 },
    tags: Service.Tags ?? [],
    meta: Service.Meta ?? {},
    weight: (status === 'warning' ? weights?.Warning : weights?.Passing) ?? 1,
    status,
  }
}

/** Consul's aggregated status: maintenance > critical > warning > passing; none is passing. */
function statusOf(checks: readonly z.infer<typeof check>[]): RegistryStatus {
  if (checks.some(({ CheckID }) => CheckID === '_node_maintenance' || CheckID.startsWith('_service_maintenance:')))
    return 'maintenance'
  const worst = Math.max(0, ...checks.map(({ Status }) => (Status === 'passing' ? 0 : Status === 'warning' ? 1 : 2)))
  return worst === 2 ? 'critical' : worst === 1 ? 'warning' : 'passing'
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
