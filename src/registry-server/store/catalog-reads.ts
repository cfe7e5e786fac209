import type { CheckRow, NodeRow, ServiceRow } from './rows.ts'
import { compareBytes } from './sorted-map.ts'
import { connectIndexName, nodeKey, serviceIndexName, type IndexName, type State } from './state.ts'

/** An instance as health queries see it: its node, itself, and the checks of both. */
export interface Instance {
  readonly node: NodeRow
  readonly service: ServiceRow
  readonly checks: readonly CheckRow[]
}

export interface InstanceFilter {
  /** All of them, compared without case. */
  readonly tags?: readonly string[]
  readonly nodeMeta?: readonly (readonly [string, string])[]
  /** Only instances of which every check, the node's included, passes. */
  readonly passing?: boolean
  /** Instances that speak for the service in a mesh, in place of its own; tags do not count then. */
  readonly inMesh?: boolean
}

export function instancesOf(state: State, name: string, filter: InstanceFilter = {}): readonly Instance[] {
  return servicesOf(state, name, filter).flatMap((service) => {
    const node = state.nodes.get(service.node)
    if (!node || !hasMeta(node, filter.nodeMeta ?? [])) return []
    const checks = [...state.checks.group(nodeKey(service.node, '')), ...state.checks.group(nodeKey(service.node, service.id))]
    if (filter.passing && checks.some(({ status }) => status !== 'passing')) return []
    return [{ node, service, checks }]
  })
}

function servicesOf(state: State, name: string, { tags = [], inMesh = false }: InstanceFilter): readonly ServiceRow[] {
  if (inMesh) return state.connected.rows(name.toLowerCase())
  return state.services.group(name.toLowerCase()).filter((service) => hasTags(service, tags))
}

/**
 * The index of a service's instances: its own, which its nodes and checks move too; without instances, that of the last extinction of
 * any service (Consul: the index of a service that is not there must not fall when the service goes).
 */
export function serviceIndex(state: State, name: string, withChecks: boolean): bigint {
  if (state.services.hasGroup(name.toLowerCase())) return state.index(serviceIndexName(name)) || tableIndex(state, withChecks)
  return extinctionIndex(state, withChecks)
}

/** The same for the instances that speak for it in a mesh. */
export function connectIndex(state: State, name: string, withChecks: boolean): bigint {
  if (state.connected.has(name.toLowerCase())) return state.index(connectIndexName(name))
  return extinctionIndex(state, withChecks)
}

function extinctionIndex(state: State, withChecks: boolean): bigint {
  const extinction = state.index('extinction')
  return extinction > 0n ? extinction : tableIndex(state, withChecks)
}

function tableIndex(state: State, withChecks: boolean): bigint {
  return withChecks ? state.maxIndex('nodes', 'services', 'checks') : state.maxIndex('nodes', 'services')
}

/** The node that a name means, in any case; the very name first. */
export function findNode(state: State, name: string): NodeRow | undefined {
  const exact = state.nodes.get(name)
  if (exact) return exact
  for (const node of state.nodes.withPrefix('')) if (isSameName(node.name, name)) return node
  return undefined
}

export function isSameName(a: string, b: string): boolean {
  return a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase())
}

/** What wakes a watcher of one service. */
export function serviceTopics(name: string): readonly IndexName[] {
  return [serviceIndexName(name), 'extinction']
}

export function connectTopics(name: string): readonly IndexName[] {
  return [connectIndexName(name), 'extinction']
}

/** Every service name with the tags its instances have. */
export function serviceTags(state: State, nodeMeta: readonly (readonly [string, string])[]): Record<string, readonly string[]> {
  const found = new Map<string, Set<string>>()
  for (const service of state.services.withPrefix('')) {
    const node = state.nodes.get(service.node)
    if (!node || !hasMeta(node, nodeMeta)) continue
    const tags = found.get(service.name) ?? new Set<string>()
    for (const tag of service.tags) tags.add(tag)
    found.set(service.name, tags)
  }
  const sorted = [...found].toSorted(([a], [b]) => compareBytes(a, b))
  return Object.fromEntries(sorted.map(([name, tags]) => [name, [...tags]]))
}

export function hasMeta(node: NodeRow, wanted: readonly (readonly [string, string])[]): boolean {
  return wanted.every(([key, value]) => node.meta?.[key] === value)
}

function hasTags(service: ServiceRow, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true
  const own = service.tags.map((tag) => tag.toLowerCase())
  return wanted.every((tag) => own.includes(tag.toLowerCase()))
}
