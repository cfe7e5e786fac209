import type { Random } from '../../clock.ts'
import { parseGoDurationNs } from '../api/go-duration.ts'
import type { Instance } from '../store/catalog-reads.ts'
import { resolveQuery, runQuery } from '../store/queries.ts'
import type { State } from '../store/state.ts'

/** What a prepared query finds. */
export interface PreparedAnswer {
  /** The service that was looked for. */
  readonly service: string
  /** In the query's own order: random, or by distance. */
  readonly instances: readonly Instance[]
  /** The query's own TTL, s; null: that of the service. */
  readonly ttlSeconds: number | null
}

/** Runs a prepared query, its name or id in lower case. null: there is none. */
export type RunPreparedQuery = (nameOrId: string) => PreparedAnswer | null

export interface PreparedQueriesOptions {
  readonly state: State
  /** The registry's own node: whoever asks is taken to be near it. */
  readonly node: string
  readonly random: Random
}

export function preparedQueries({ state, node, random }: PreparedQueriesOptions): RunPreparedQuery {
  return (nameOrId) => {
    const query = resolveQuery(state, nameInItsCase(state, nameOrId))
    if (!query) return null
    const { service, dnsTtl } = query
    const near = service.near === '_agent' || service.near === '_ip' ? node : service.near
    return { service: service.name, instances: runQuery(state, service, { near, random }), ttlSeconds: secondsOf(dnsTtl) }
  }
}

/** Queries are stored under names in any case. */
function nameInItsCase(state: State, lowerCase: string): string {
  for (const { name } of state.queries.withPrefix('')) if (name.toLowerCase() === lowerCase) return name
  return lowerCase
}

function secondsOf(goDuration: string): number | null {
  const ns = goDuration === '' ? '' : parseGoDurationNs(goDuration)
  return typeof ns === 'number' ? Math.max(0, Math.floor(ns / 1e9)) : null
}
