import { isDeepStrictEqual } from 'node:util'
import { findTies, type Tie } from '../dataplane/router/ties.ts'
import type { ColdConfig, MeshLayer, RegisteredRoutesConfig } from './config.ts'
import { parseAddress } from '../address.ts'
import { bindProblems } from './bind-problems.ts'
import { execProblems } from './exec-problems.ts'
import { builtIn } from './built-in.ts'
import type { InterpolationContext } from './interpolate.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { gateway, type WrittenGateway, type WrittenHot } from './schema/gateway.ts'
import { defaultAdminBind } from './schema/process.ts'
import { embeddedDefaults } from './registry-defaults.ts'
import { overlay } from './overlay.ts'
import type { UpstreamSettings } from './schema/upstream.ts'
import { validate } from './validate.ts'
import { routeOf, type Written, type WrittenByKind } from './written.ts'
import { YamlSource } from './yaml-source.ts'

export const MAX_FILE_BYTES = 1024 * 1024

/** The smallest file that is a config. */
const smallestFile = 'listeners: { web: { bind: ":8080" } }'

/** What can change while the gateway runs, of one source or of several put together; it still has to meet the entries of KV. */
export interface HotDocument {
  readonly name: string
  readonly defaults: UpstreamSettings
  readonly routes: readonly Written<WrittenByKind['route']>[]
  readonly upstreams: readonly Written<WrittenByKind['upstream']>[]
  readonly tasks: readonly Written<WrittenByKind['task']>[]
  /** What is said of calls by name; the rest is built in. */
  readonly mesh: MeshLayer
  /** Which of the routes are pointless beside the others. */
  readonly ties: readonly Tie[]
  /** Which parts stand in place of others of the same name in a source below. */
  readonly overrides: readonly ConfigProblem[]
}

/** A valid config file by itself: what needs a restart is complete. */
export interface FileDocument extends HotDocument {
  readonly cold: ColdConfig
  /** Null: no service may declare routes. */
  readonly registeredRoutes: RegisteredRoutesConfig | null
}

/** Parses a config file of at most 1 MiB. Throws {@link ConfigError} with everything that is wrong, up to 50 problems. */
export function parseFile(text: string, fileName: string, context: InterpolationContext): FileDocument {
  const whenEmpty = `is empty: write at least ${smallestFile}`
  const source = new YamlSource(text, { name: fileName, maxBytes: MAX_FILE_BYTES, whenEmpty, context })
  const written = validate(gateway, source)
  const cold = coldOf(written)
  const hot = hotOf(written, source)
  const problems = [...bindProblems(cold, source), ...execProblems(cold, hot.tasks)]
  if (problems.length > 0) throw new ConfigError(problems)
  const mesh = overlay(domainOf(cold), hot.mesh)
  const { registeredRoutes = null } = written
  return {
    name: fileName,
    cold,
    registeredRoutes,
    ...hot,
    mesh,
    ties: findTies(hot.routes.map(({ value }) => value)),
    overrides: [],
  }
}

/** The top-level sections that need a restart and differ between what runs and what the file says now. */
export function changedCold(running: FileDocument, next: FileDocument): readonly string[] {
  const sections = Object.keys(running.cold) as (keyof ColdConfig)[]
  return sections.filter((section) => !isDeepStrictEqual(running.cold[section], next.cold[section]))
}

function coldOf({ listeners, admin, registry, kv, services, machine, workers, shutdown, log }: WrittenGateway): ColdConfig {
  return {
    listeners,
    admin: admin ?? { bind: parseAddress(defaultAdminBind) ?? { host: '127.0.0.1', port: 8081 } },
    registry: registry ?? embeddedDefaults,
    kv: kv ?? { prefix: 'gateway' },
    services: services ?? [],
    machine: machine ?? builtIn.machine,
    workers: workers ?? builtIn.workers,
    shutdown: shutdown ?? builtIn.shutdown,
    log: log ?? { level: 'info', format: 'auto', access: false },
  }
}

/** Names of services end as the embedded registry's DNS has them. */
function domainOf({ registry }: ColdConfig): MeshLayer {
  return registry.kind === 'embedded' && registry.dns ? { domain: registry.dns.domain.toLowerCase() } : {}
}

/** The hot parts of a valid document, each with its place. */
export function hotOf(written: WrittenHot, source: YamlSource): Omit<HotDocument, 'name' | 'ties' | 'overrides'> {
  const { defaults, routes, upstreams, tasks, mesh } = written
  return {
    defaults: defaults ?? {},
    routes: (routes ?? []).map((route, at) => ({
      value: routeOf(route.name, route, source.valueAt(['routes', at])),
      place: source.placeOf(['routes', at]),
    })),
    upstreams: Object.entries(upstreams ?? {}).map(([name, settings]) => ({
      value: { name, settings },
      place: source.placeOf(['upstreams', name], 'key'),
    })),
    tasks: (tasks ?? []).map((value, at) => ({ value, place: source.placeOf(['tasks', at]) })),
    mesh: mesh ?? {},
  }
}
