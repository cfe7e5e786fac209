import { findNode } from '../store/catalog-reads.ts'
import { sortByDistance } from '../store/coordinates.ts'
import type { Answer } from './answer.ts'
import { readHeaders } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { parseCacheControl } from './cache-control.ts'
import type { Field } from './filter/fields.ts'
import { readFilter, type Filter } from './filter/filter.ts'
import { toJson, toPrettyJson } from './json.ts'
import { parseReadOptions } from './read-options.ts'
import type { Registry } from './registry.ts'

export interface CatalogQuery {
  readonly topics: readonly string[]
  index(): bigint
  /** What a filter may name; null: Consul 1.8.7 takes no filter on this endpoint, and does not complain. */
  readonly fields: Field | null
  /** Whether Consul's agent has a cache in front of it. */
  readonly isCacheable?: boolean
  /** Whether Consul tells the consistency of the answer. */
  readonly hidesConsistency?: boolean
  /** What is found, as Consul writes it: a list, or an object. */
  rows(filter: Filter): unknown
}

/** Answers a read of catalog or health; it may block, and its text is kept until the catalog changes. */
export function cachedRead(registry: Registry, request: ApiRequest, query: CatalogQuery): Answer | Promise<Answer> {
  const { store, blocked, answers, datacenter } = registry
  const options = parseReadOptions(request.query, datacenter, { duringRead: true })
  const filter = query.fields ? readFilter(request.query, query.fields) : () => true
  const key = cacheKey(request)
  const cacheHeaders = query.isCacheable && request.query.has('cached') ? headersOfCache(registry, request, key) : []
  const consistency = query.hidesConsistency ? undefined : options.consistency
  return blocked.answer(request, options, {
    topics: query.topics,
    read: () => {
      const index = query.index()
      return {
        index,
        answer: () => ({
          status: 200,
          body: request.isPretty
            ? toPrettyJson(query.rows(filter))
            : answers.text(key, store.state.maxIndex('nodes', 'services', 'checks', 'coordinates'), () =>
                toJson(query.rows(filter)),
              ),
          headers: ['Content-Type', 'application/json', ...readHeaders(index, consistency), ...cacheHeaders],
        }),
      }
    },
  })
}

/** `?cached` is answered with what is true now, and with what a cache would say of it: MISS for the first who asks. */
export function headersOfCache({ answers }: Registry, request: ApiRequest, key: string): readonly string[] {
  const { mustRevalidate } = parseCacheControl(request.header('cache-control') ?? '')
  const isKnown = answers.noteCached(key)
  return isKnown && !mustRevalidate ? ['X-Cache', 'HIT', 'Age', '0'] : ['X-Cache', 'MISS']
}

/** Parses `?node-meta=key:value`; the value is all that follows the first colon. */
export function parseNodeMeta(query: URLSearchParams): readonly (readonly [string, string])[] {
  return query.getAll('node-meta').map((pair) => {
    const colon = pair.indexOf(':')
    return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)]
  })
}

/** Orders rows by their node's distance from the node of `?near`; `_agent` is the registry's own. */
export function sortNear<Row>(
  registry: Registry,
  query: URLSearchParams,
  by: { rows: readonly Row[]; nodeOf(row: Row): string },
): readonly Row[] {
  const near = query.get('near')
  if (!near) return by.rows
  return sortByDistance(registry.store.state, by.rows, { from: nearNode(registry, near), nodeOf: (row) => by.nodeOf(row) })
}

/** The node that `near` names; who asks is taken to be on the registry's own node. */
export function nearNode({ agent, store }: Registry, near: string): string {
  return near === '_agent' || near === '_ip' ? agent.node : (findNode(store.state, near)?.name ?? near)
}

/** Parameters that choose what is found; others (index, wait, stale) do not. */
const choosing = ['passing', 'tag', 'node-meta', 'filter', 'near']

function cacheKey({ path, query }: ApiRequest): string {
  if (query.size === 0) return path
  return JSON.stringify([path, choosing.map((name) => query.getAll(name))])
}
