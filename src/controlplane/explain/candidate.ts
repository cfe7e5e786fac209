import type { Clock, Random } from '../../clock.ts'
import { assemble } from '../../config/assemble.ts'
import type { HotConfig } from '../../config/config.ts'
import { parseFile } from '../../config/file.ts'
import type { InterpolationContext } from '../../config/interpolate.ts'
import { ConfigError } from '../../config/problem.ts'
import { createFilter, isPureFilter } from '../../dataplane/filters/table.ts'
import type { Filter, FilterSpec } from '../../dataplane/filters/filter.ts'
import { Upstream } from '../../dataplane/upstream/upstream.ts'
import type { Logger } from '../../logging.ts'
import { SnapshotCompiler } from '../compile.ts'
import { staticInstance } from '../../discovery/listed.ts'
import { frontTrust } from './config-layers.ts'
import type { Explained } from './explain.ts'

export interface CandidateDeps {
  readonly context: InterpolationContext
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/**
 * Compiles a config file that does not serve, as one that serves is compiled: nothing is watched, probed or called, so that only instances
 * of the file are known. Throws `config_invalid`.
 */
export function compileCandidate(text: string, fileName: string, deps: CandidateDeps): Explained {
  const file = parseFile(text, fileName, deps.context)
  const { hot, fileProblems, layers } = assemble(file, [])
  if (fileProblems.length > 0) throw new ConfigError(fileProblems)
  const upstreams = new Map<string, Upstream>()
  const upstreamOf = (name: string): Upstream => {
    const known = upstreams.get(name)
    if (known) return known
    const fresh = startUpstream(name, hot, deps)
    upstreams.set(name, fresh)
    return fresh
  }
  const filters = new Map(hot.routes.map((route) => [route.name, route.filters.map((spec) => filterOf(spec, deps))]))
  const snapshot = new SnapshotCompiler().compile(hot, 0, { upstreamOf, filtersOf: (route) => filters.get(route) ?? [] })
  return { snapshot, hot, layers, revision: null, trust: frontTrust(file.cold.listeners) }
}

function startUpstream(name: string, hot: HotConfig, deps: CandidateDeps): Upstream {
  const { policy, source } = hot.upstreams.find((config) => config.name === name) ?? hot.defaultUpstream(name)
  const upstream = new Upstream(name, policy, deps)
  if (source.kind === 'static')
    upstream.setMembers(source.instances.map((instance) => ({ ...staticInstance(instance), exclusion: 'unprobed' })))
  return upstream
}

/** The others open connections and threads, and would not be run. */
function filterOf(spec: FilterSpec, deps: CandidateDeps): Filter {
  return isPureFilter(spec.kind) ? createFilter(spec, deps) : {}
}
