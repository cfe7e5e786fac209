import type { TextMap } from './rows.ts'

/** Rows that stand beside the catalog: prepared queries and network coordinates. */

export interface CoordinateRow {
  readonly node: string
  readonly segment: string
  readonly coordinate: {
    readonly Vec: readonly number[]
    readonly Error: number
    readonly Adjustment: number
    readonly Height: number
  }
}

export interface QueryService {
  readonly name: string
  readonly failover: { readonly NearestN: number; readonly Datacenters: readonly string[] | null }
  readonly onlyPassing: boolean
  readonly ignoreCheckIds: readonly string[] | null
  readonly near: string
  /** A tag with `!` in front must not be there. */
  readonly tags: readonly string[] | null
  readonly nodeMeta: TextMap | null
  readonly serviceMeta: TextMap | null
  readonly connect: boolean
}

/** A stored lookup of a service (Consul: prepared queries). */
export interface QueryRow {
  readonly id: string
  readonly name: string
  /** The session it ends with, or empty. */
  readonly session: string
  readonly token: string
  readonly template: { readonly type: string; readonly regexp: string; readonly removeEmptyTags: boolean }
  readonly service: QueryService
  /** A Go duration, or empty. */
  readonly dnsTtl: string
  readonly createIndex: bigint
  readonly modifyIndex: bigint
}
