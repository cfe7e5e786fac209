import type { FilterSpec } from '../dataplane/filters/filter.ts'
import { filterVersion } from '../dataplane/filters/table.ts'
import type { RouteConfig, SplitWeights, TaskConfig } from './config.ts'
import type { ConfigPlace } from './problem.ts'
import type { WrittenRoute } from './schema/route.ts'
import type { UpstreamDeclaration } from './schema/upstream.ts'

/** A valid part of hot config, and where it is written. */
export interface Written<T> {
  readonly value: T
  readonly place: ConfigPlace
}

export interface DeclaredUpstream {
  readonly name: string
  readonly settings: UpstreamDeclaration
}

/** What the sources of hot config can hold. */
export interface WrittenByKind {
  readonly route: RouteConfig
  readonly upstream: DeclaredUpstream
  readonly task: TaskConfig
  /** Only in KV. */
  readonly split: SplitWeights
}

export type EntryKind = keyof WrittenByKind

/** A route as it runs, of a valid written one. `raw` is the same route as plain data: the options of filters go on as they were written. */
export function routeOf(
  name: string,
  { match, to, split, mirror, sticky, timeouts, retry, deadline }: WrittenRoute,
  raw: unknown,
): RouteConfig {
  const ofDeadline = deadline === undefined ? {} : { deadline }
  return { name, match: match ?? {}, filters: filtersOf(raw), to, split, mirror, sticky, timeouts, retry, ...ofDeadline }
}

// The schema of a filter is applied once more where the filter is made: what it makes of the options need not pass it a second time.
function filtersOf(raw: unknown): readonly FilterSpec[] {
  const { filters } = (typeof raw === 'object' ? raw : {}) as { readonly filters?: readonly Readonly<Record<string, unknown>>[] }
  return (filters ?? []).flatMap((step) => Object.entries(step).map(([kind, options]) => specOf(kind, options)))
}

function specOf(kind: string, options: unknown): FilterSpec {
  const version = filterVersion(kind, options)
  return { kind, options, ...(version !== null && { version }) }
}
