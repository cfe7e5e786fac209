import type { Instance } from '../store/catalog-reads.ts'

/** What a prepared query finds. */
export interface PreparedAnswer {
  /** The service that was looked for. */
  readonly service: string
  readonly instances: readonly Instance[]
  /** The query's own TTL, s; null: that of the service. */
  readonly ttlSeconds: number | null
}

/** Runs prepared queries. null: there is no query of that name or id. */
export type RunPreparedQuery = (nameOrId: string) => PreparedAnswer | null
