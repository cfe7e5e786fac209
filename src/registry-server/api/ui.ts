import { Refusal } from '../refusal.ts'
import { findNode } from '../store/catalog-reads.ts'
import type { CheckRow, NodeRow } from '../store/rows.ts'
import { nodeKey, type State } from '../store/state.ts'
import { jsonAnswer, readHeaders } from './answer.ts'
import { cachedRead } from './catalog-query.ts'
import { serviceFields } from './filter/fields.ts'
import type { Filter } from './filter/filter.ts'
import { requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'
import { checkView, serviceView } from './views.ts'

/** What the web page of Consul is made from: dashboards read it too. */

export const uiServices: Handler = (registry, request) => {
  const { state } = registry.store
  return cachedRead(registry, request, {
    topics: ['services', 'checks', 'nodes'],
    index: () => state.maxIndex('services', 'checks', 'nodes'),
    fields: serviceFields,
    hidesConsistency: true,
    rows: (isWanted) =>
      [...new Set(Array.from(state.services.withPrefix(''), (service) => service.name))]
        .toSorted()
        .map((name) => summaryOf(state, name, isWanted))
        .filter((row) => row !== null),
  })
}

export const uiNodes: Handler = (registry, request) => {
  const { state } = registry.store
  return cachedRead(registry, request, {
    topics: ['services', 'checks', 'nodes'],
    index: () => state.maxIndex('services', 'checks', 'nodes'),
    fields: null,
    hidesConsistency: true,
    rows: () => [...state.nodes.withPrefix('')].map((node) => nodeSummary(state, node)),
  })
}

export const uiNode: Handler = (registry, request) => {
  const { state } = registry.store
  if (request.rest === '') throw new Refusal(400, 'Missing node name')
  requireDc(request.query, registry.datacenter)
  if (!findNode(state, request.rest)) return { status: 404, body: '', headers: [] }
  return cachedRead(registry, request, {
    topics: ['services', 'checks', 'nodes'],
    index: () => state.maxIndex('services', 'checks', 'nodes'),
    fields: null,
    hidesConsistency: true,
    rows: () => {
      const node = findNode(state, request.rest)
      return node ? nodeSummary(state, node) : null
    },
  })
}

/** Gateways of Consul's service mesh stand before no services here. */
export const uiGatewayServices: Handler = (registry, { query, isPretty }) => {
  requireDc(query, registry.datacenter)
  return jsonAnswer([], isPretty, readHeaders(1n))
}

function summaryOf(state: State, name: string, isWanted: Filter): object | null {
  const named = state.services.group(name.toLowerCase()).filter((service) => service.name === name)
  const instances = named.filter((service) => isWanted(serviceView(service)))
  if (instances.length === 0) return null
  const nodes = [...new Set(instances.map(({ node }) => node))]
  const checks = [
    ...nodes.flatMap((node) => state.checks.group(nodeKey(node, ''))),
    ...instances.flatMap(({ node, id }) => state.checks.group(nodeKey(node, id))),
  ]
  const count = (status: CheckRow['status']): number => checks.filter((check) => check.status === status).length
  const tags = [...new Set(instances.flatMap((instance) => instance.tags))].toSorted()
  const sources = [...new Set(instances.flatMap(({ meta }) => meta?.['external-source'] || []))]
  const proxied = [...new Set(instances.flatMap(({ proxy }) => proxy?.DestinationServiceName ?? []))]
  return {
    Kind: instances.at(-1)?.kind || undefined,
    Name: name,
    Tags: tags.length === 0 ? null : tags,
    Nodes: nodes,
    InstanceCount: instances.length,
    ProxyFor: proxied.length > 0 ? proxied : undefined,
    ChecksPassing: count('passing'),
    ChecksWarning: count('warning'),
    ChecksCritical: count('critical'),
    ExternalSources: sources.length === 0 ? null : sources,
    GatewayConfig: {},
  }
}

function nodeSummary(state: State, node: NodeRow): object {
  const prefix = nodeKey(node.name, '')
  return {
    ID: node.id,
    Node: node.name,
    Address: node.address,
    TaggedAddresses: node.taggedAddresses,
    Meta: node.meta,
    Services: [...state.services.withPrefix(prefix)].map((service) => serviceView(service)),
    Checks: [...state.checks.withPrefix(prefix)].map((check) => checkView(check)),
  }
}
