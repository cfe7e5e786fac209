import { Refusal } from '../refusal.ts'
import {
  connectIndex,
  connectTopics,
  findNode,
  hasMeta,
  instancesOf,
  serviceIndex,
  serviceTags,
  serviceTopics,
} from '../store/catalog-reads.ts'
import type { NodeRow, ServiceRow } from '../store/rows.ts'
import { nodeKey } from '../store/state.ts'
import { jsonAnswer, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { cachedRead, headersOfCache, parseNodeMeta, sortNear, type CatalogQuery } from './catalog-query.ts'
import { catalogServiceFields, nodeFields, serviceFields } from './filter/fields.ts'
import type { Filter } from './filter/filter.ts'
import type { Handler, Registry } from './registry.ts'
import { catalogServiceView, nodeView, serviceView } from './views.ts'

export const catalogDatacenters: Handler = (registry, request) => {
  const cache = request.query.has('cached') ? headersOfCache(registry, request, request.path) : []
  return jsonAnswer([registry.datacenter], request.isPretty, cache)
}

export const catalogServices: Handler = (registry, request) => {
  const { state } = registry.store
  const nodeMeta = parseNodeMeta(request.query)
  return cachedRead(registry, request, {
    topics: ['services'],
    fields: null,
    isCacheable: true,
    index: () => state.index('services'),
    rows: () => serviceTags(state, nodeMeta),
  })
}

export const catalogService: Handler = (registry, request) => {
  const { state } = registry.store
  const { rest: name } = request
  return instanceRead(registry, request, {
    inMesh: false,
    isCacheable: true,
    topics: serviceTopics(name),
    index: () => serviceIndex(state, name, false),
  })
}

/** Instances that speak for a service in a mesh: its proxies, or itself. */
export const catalogConnect: Handler = (registry, request) => {
  const { state } = registry.store
  const { rest: name } = request
  return instanceRead(registry, request, {
    inMesh: true,
    isCacheable: false,
    topics: connectTopics(name),
    index: () => connectIndex(state, name, false),
  })
}

function instanceRead(
  registry: Registry,
  request: ApiRequest,
  { inMesh, ...read }: Pick<CatalogQuery, 'topics' | 'index' | 'isCacheable'> & { readonly inMesh: boolean },
): Answer | Promise<Answer> {
  const { state } = registry.store
  const { rest: name, query } = request
  if (name === '') throw new Refusal(400, 'Missing service name')
  const filter = { tags: query.getAll('tag'), nodeMeta: parseNodeMeta(query), inMesh }
  return cachedRead(registry, request, {
    ...read,
    fields: catalogServiceFields,
    rows: (isWanted) =>
      sortNear(registry, query, { rows: instancesOf(state, name, filter), nodeOf: ({ node }) => node.name })
        .map((instance) => catalogServiceView(instance, registry.datacenter))
        .filter(isWanted),
  })
}

export const catalogNodes: Handler = (registry, request) => {
  const { state } = registry.store
  const nodeMeta = parseNodeMeta(request.query)
  return cachedRead(registry, request, {
    topics: ['nodes'],
    index: () => state.index('nodes'),
    fields: nodeFields,
    rows: (isWanted) => {
      const rows = [...state.nodes.withPrefix('')].filter((node) => hasMeta(node, nodeMeta))
      return sortNear(registry, request.query, { rows, nodeOf: (node) => node.name })
        .map((node) => nodeView(node, registry.datacenter))
        .filter(isWanted)
    },
  })
}

export const catalogNode: Handler = (registry, request) =>
  nodeQuery((node, services, isWanted) => {
    if (!node) return null
    return {
      Node: nodeView(node, registry.datacenter),
      Services: Object.fromEntries(
        services.map((service) => [service.id, serviceView(service)] as const).filter(([, view]) => isWanted(view)),
      ),
    }
  })(registry, request)

export const catalogNodeServices: Handler = (registry, request) =>
  nodeQuery((node, services, isWanted) => {
    if (!node) return { Node: null, Services: null }
    return { Node: nodeView(node, registry.datacenter), Services: services.map(serviceView).filter(isWanted) }
  })(registry, request)

function nodeQuery(view: (node: NodeRow | undefined, services: readonly ServiceRow[], isWanted: Filter) => unknown): Handler {
  return (registry, request) => {
    const { state } = registry.store
    const { rest: name } = request
    if (name === '') throw new Refusal(400, 'Missing node name')
    return cachedRead(registry, request, {
      topics: ['nodes', 'services'],
      index: () => (findNode(state, name) ? state.maxIndex('nodes', 'services') : 0n),
      fields: serviceFields,
      rows: (isWanted) => {
        const node = findNode(state, name)
        return view(node, node ? [...state.services.withPrefix(nodeKey(node.name, ''))] : [], isWanted)
      },
    })
  }
}
