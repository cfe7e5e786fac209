import type { RouteConfig, UpstreamConfig } from '../../config/config.ts'
import { resolveUpstream } from '../../config/resolve-upstream.ts'
import type { UpstreamDeclaration, UpstreamSettings } from '../../config/schema/upstream.ts'
import type { AttemptPolicy } from '../../dataplane/upstream/policy.ts'
import { effectivePolicy } from '../compile.ts'

/** What sets a value: the nearer level wins. */
export type Level = 'route' | 'upstream' | 'defaults' | 'built-in'

/** What the levels say. */
export interface Levels {
  readonly route: RouteConfig
  readonly upstream: UpstreamDeclaration
  readonly defaults: UpstreamSettings
}

/** The whole effective policy of a destination. */
export type EffectivePolicy = Omit<UpstreamConfig['policy'], keyof AttemptPolicy> &
  AttemptPolicy &
  Pick<UpstreamConfig, 'health' | 'brake'>

export interface SetValue {
  readonly setting: string
  readonly value: unknown
  readonly from: Level
}

/** Stands in the place of a value and says which level it comes from. */
class Label {
  readonly level: Level

  constructor(level: Level) {
    this.level = level
  }
}

/**
 * Says of each value of a policy which level has set it. The very functions that merge the levels are run once more over labels in the place
 * of the values: they only move values, so each label arrives where its value does.
 */
export function provenanceOf(policy: EffectivePolicy, levels: Levels): readonly SetValue[] {
  const labelledUpstream = labelled(levels.upstream, new Label('upstream')) as UpstreamDeclaration
  const labelledDefaults = labelled(levels.defaults, new Label('defaults')) as UpstreamSettings
  const upstream = resolveUpstream('', labelledUpstream, labelledDefaults)
  const route = labelled(levels.route, new Label('route')) as RouteConfig
  const { policy: base, health, brake } = upstream
  const labels = { ...base, health, brake, ...effectivePolicy(route, base) }
  return leaves(policy, []).map(({ path, value }) => ({
    setting: path.join('.'),
    value,
    from: value === null ? whoSaysOff(path[0] ?? '', levels) : levelAt(labels, path),
  }))
}

function labelled(value: unknown, label: Label): unknown {
  // What is not set, or off, is said by its absence.
  if (value === undefined || value === null || value === 'off') return value
  if (!isRecord(value)) return label
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, labelled(inner, label)]))
}

function levelAt(labels: object, path: readonly string[]): Level {
  let found: unknown = labels
  for (const step of path) {
    if (found instanceof Label || !isRecord(found)) break
    found = found[step]
  }
  return found instanceof Label ? found.level : 'built-in'
}

/** Of what can be off, and is. */
function whoSaysOff(key: string, { route, upstream, defaults }: Levels): Level {
  const says = (level: object): boolean => (level as Readonly<Record<string, unknown>>)[key] !== undefined
  if (says(route)) return 'route'
  if (says(upstream)) return 'upstream'
  return says(defaults) ? 'defaults' : 'built-in'
}

function leaves(
  value: unknown,
  path: readonly string[],
): readonly { readonly path: readonly string[]; readonly value: unknown }[] {
  if (!isRecord(value)) return value === undefined ? [] : [{ path, value }]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
