import type { Asker } from '../../dataplane/exchange.ts'
import type { Filter, FilterSpec } from '../../dataplane/filters/filter.ts'
import { isPureFilter } from '../../dataplane/filters/table.ts'
import { withoutHopByHop } from '../../dataplane/http/hop-by-hop.ts'
import type { FilterView } from './explanation.ts'

/** What filters make of a request. */
export interface Passed {
  readonly filters: readonly FilterView[]
  /** As the split and the balancer see it. */
  readonly asker: Asker
}

/** Runs the filters that look at nothing but the request and change nothing but a copy of it; the others are taken to let it pass. */
export function tryFilters(specs: readonly FilterSpec[], filters: readonly Filter[], asker: Asker): Passed {
  if (specs.length === 0) return { filters: [], asker }
  const copy: Asker = { ...asker, request: { ...asker.request, headers: withoutHopByHop(asker.request.headers) } }
  const views: FilterView[] = []
  for (const [at, { kind }] of specs.entries()) {
    const view = tryFilter(kind, filters[at], copy)
    views.push(view)
    if (view.outcome === 'replied') break
  }
  return { filters: views, asker: copy }
}

function tryFilter(kind: string, filter: Filter | undefined, asker: Asker): FilterView {
  if (!isPureFilter(kind) || !filter?.onRequest) return { kind, outcome: 'not run', status: null }
  const reply = filter.onRequest(asker.request, asker)
  if (!reply || reply instanceof Promise) return { kind, outcome: 'passed', status: null }
  return { kind, outcome: 'replied', status: reply.status }
}
