import type { Answer } from './answer.ts'
import { readHeaders } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { toJson, toPrettyJson } from './json.ts'
import { parseReadOptions, refuseFilter } from './read-options.ts'
import type { Registry } from './registry.ts'

export interface CatalogQuery {
  readonly topics: readonly string[]
  index(): bigint
  /** Consul 1.8.7 takes no filter on this endpoint, and does not complain. */
  readonly ignoresFilter?: boolean
  /** What is found, as Consul writes it: a list, or an object. */
  rows(): unknown
}

/** Answers a read of catalog or health; it may block, and its text is kept until the catalog changes. */
export function cachedRead(registry: Registry, request: ApiRequest, query: CatalogQuery): Answer | Promise<Answer> {
  const { store, blocked, answers, datacenter } = registry
  const options = parseReadOptions(request.query, datacenter)
  if (!query.ignoresFilter) refuseFilter(request.query)
  const cacheHeaders = request.query.has('cached') ? ['X-Cache', 'HIT', 'Age', '0'] : []
  return blocked.answer(request, options, {
    topics: query.topics,
    read: () => {
      const index = query.index()
      return {
        index,
        answer: () => ({
          status: 200,
          body: request.isPretty
            ? toPrettyJson(query.rows())
            : answers.text(cacheKey(request), store.state.maxIndex('nodes', 'services', 'checks'), () => toJson(query.rows())),
          headers: ['Content-Type', 'application/json', ...readHeaders(index, options.consistency), ...cacheHeaders],
        }),
      }
    },
  })
}

/** Parses `?node-meta=key:value`; the value is all that follows the first colon. */
export function parseNodeMeta(query: URLSearchParams): readonly (readonly [string, string])[] {
  return query.getAll('node-meta').map((pair) => {
    const colon = pair.indexOf(':')
    return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)]
  })
}

/** Parameters that choose what is found; others (index, wait, stale) do not. */
const choosing = ['passing', 'tag', 'node-meta', 'filter']

function cacheKey({ path, query }: ApiRequest): string {
  if (query.size === 0) return path
  return JSON.stringify([path, choosing.map((name) => query.getAll(name))])
}
