import { Refusal } from '../refusal.ts'
import {
  connectIndex,
  connectTopics,
  hasMeta,
  instancesOf,
  isSameName,
  serviceIndex,
  serviceTopics,
} from '../store/catalog-reads.ts'
import type { CheckRow } from '../store/rows.ts'
import type { State } from '../store/state.ts'
import type { Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { cachedRead, parseNodeMeta, sortNear, type CatalogQuery } from './catalog-query.ts'
import { checkFields, instanceFields } from './filter/fields.ts'
import type { Handler, Registry } from './registry.ts'
import { checkView, instanceView } from './views.ts'

export const healthService: Handler = (registry, request) => {
  const { state } = registry.store
  const { rest: name } = request
  return instanceRead(registry, request, {
    inMesh: false,
    topics: serviceTopics(name),
    index: () => serviceIndex(state, name, true),
  })
}

/** Instances that speak for a service in a mesh: its proxies, or itself. */
export const healthConnect: Handler = (registry, request) => {
  const { state } = registry.store
  const { rest: name } = request
  return instanceRead(registry, request, {
    inMesh: true,
    topics: connectTopics(name),
    index: () => connectIndex(state, name, true),
  })
}

/** Gateways into a mesh: without its config entries none stands before a service. */
export const healthIngress: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Missing service name')
  parsePassing(request.query)
  return cachedRead(registry, request, { topics: ['extinction'], index: () => 1n, fields: instanceFields, rows: () => [] })
}

function instanceRead(
  registry: Registry,
  request: ApiRequest,
  { inMesh, ...read }: Pick<CatalogQuery, 'topics' | 'index'> & { readonly inMesh: boolean },
): Answer | Promise<Answer> {
  const { state } = registry.store
  const { rest: name, query } = request
  if (name === '') throw new Refusal(400, 'Missing service name')
  const filter = { tags: query.getAll('tag'), nodeMeta: parseNodeMeta(query), passing: parsePassing(query), inMesh }
  return cachedRead(registry, request, {
    ...read,
    fields: instanceFields,
    isCacheable: true,
    rows: (isWanted) =>
      sortNear(registry, query, { rows: instancesOf(state, name, filter), nodeOf: ({ node }) => node.name })
        .map((instance) => instanceView(instance, registry.datacenter))
        .filter(isWanted),
  })
}

export const healthChecks: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Missing service name')
  return checksWhere(({ serviceName }) => isSameName(serviceName, request.rest))(registry, request)
}

export const healthState: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Missing check state')
  return checksWhere(({ status }) => request.rest === 'any' || status === request.rest)(registry, request)
}

export const healthNode: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Missing node name')
  return checksWhere(({ node }) => isSameName(node, request.rest))(registry, request)
}

function checksWhere(isWanted: (check: CheckRow) => boolean): Handler {
  return (registry, request) => {
    const { state } = registry.store
    const nodeMeta = parseNodeMeta(request.query)
    return cachedRead(registry, request, {
      topics: ['checks'],
      index: () => state.index('checks'),
      fields: checkFields,
      rows: (filter) => {
        const rows = [...state.checks.withPrefix('')].filter((check) => isWanted(check) && isOnNodeWith(state, check, nodeMeta))
        return sortNear(registry, request.query, { rows, nodeOf: (check) => check.node })
          .map(checkView)
          .filter(filter)
      },
    })
  }
}

function isOnNodeWith(state: State, check: CheckRow, nodeMeta: readonly (readonly [string, string])[]): boolean {
  const node = state.nodes.get(check.node)
  return node !== undefined && hasMeta(node, nodeMeta)
}

/** `?passing` alone switches it on; with a value, that is a boolean as Go reads it. */
function parsePassing(query: URLSearchParams): boolean {
  const value = query.get('passing')
  if (value === null) return false
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new Refusal(400, 'Invalid value for ?passing')
}
