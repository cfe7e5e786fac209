import { Refusal } from '../refusal.ts'
import { hasMeta, instancesOf, serviceIndex, serviceTags, serviceTopics } from '../store/catalog-reads.ts'
import type { NodeRow, ServiceRow } from '../store/rows.ts'
import { nodeKey } from '../store/state.ts'
import { jsonAnswer } from './answer.ts'
import { cachedRead, parseNodeMeta } from './catalog-query.ts'
import type { Handler } from './registry.ts'
import { catalogServiceView, nodeView, serviceView } from './views.ts'

export const catalogDatacenters: Handler = ({ datacenter }, { isPretty }) => jsonAnswer([datacenter], isPretty)

export const catalogServices: Handler = (registry, request) => {
  const { state } = registry.store
  const nodeMeta = parseNodeMeta(request.query)
  return cachedRead(registry, request, {
    topics: ['services'],
    ignoresFilter: true,
    index: () => state.index('services'),
    rows: () => serviceTags(state, nodeMeta),
  })
}

export const catalogService: Handler = (registry, request) => {
  const { state } = registry.store
  const { rest: name, query } = request
  if (name === '') throw new Refusal(400, 'Missing service name')
  const filter = { tags: query.getAll('tag'), nodeMeta: parseNodeMeta(query) }
  return cachedRead(registry, request, {
    topics: serviceTopics(name),
    index: () => serviceIndex(state, name, false),
    rows: () => instancesOf(state, name, filter).map((instance) => catalogServiceView(instance, registry.datacenter)),
  })
}

export const catalogNodes: Handler = (registry, request) => {
  const { state } = registry.store
  const nodeMeta = parseNodeMeta(request.query)
  return cachedRead(registry, request, {
    topics: ['nodes'],
    index: () => state.index('nodes'),
    rows: () =>
      [...state.nodes.withPrefix('')]
        .filter((node) => hasMeta(node, nodeMeta))
        .map((node) => nodeView(node, registry.datacenter)),
  })
}

export const catalogNode: Handler = (registry, request) =>
  nodeQuery((node, services) => {
    if (!node) return null
    return {
      Node: nodeView(node, registry.datacenter),
      Services: Object.fromEntries(services.map((service) => [service.id, serviceView(service)])),
    }
  })(registry, request)

export const catalogNodeServices: Handler = (registry, request) =>
  nodeQuery((node, services) => {
    if (!node) return { Node: null, Services: null }
    return { Node: nodeView(node, registry.datacenter), Services: services.map(serviceView) }
  })(registry, request)

function nodeQuery(view: (node: NodeRow | undefined, services: readonly ServiceRow[]) => unknown): Handler {
  return (registry, request) => {
    const { state } = registry.store
    const { rest: name } = request
    if (name === '') throw new Refusal(400, 'Missing node name')
    return cachedRead(registry, request, {
      topics: ['nodes', 'services'],
      index: () => (state.nodes.get(name) ? state.maxIndex('nodes', 'services') : 0n),
      rows: () => view(state.nodes.get(name), [...state.services.withPrefix(nodeKey(name, ''))]),
    })
  }
}
