import { isDeepStrictEqual } from 'node:util'
import type { HotConfig } from '../../config/config.ts'
import { formatPath } from '../../config/problem.ts'
import { configuredBy } from '../../discovery/upstream-table.ts'

/** One setting that differs. */
export interface FieldChange {
  /** `timeouts.responseMs` */
  readonly path: string
  /** As JSON; null: it is not there, or it may be a secret and is not told. */
  readonly before: string | null
  readonly after: string | null
}

/** One part of the config that differs in effect. */
export interface ConfigChange {
  readonly kind: 'route' | 'upstream' | 'task' | 'mesh' | 'defaults'
  readonly name: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Only of changed ones, the first of them. */
  readonly fields: readonly FieldChange[]
}

interface Named {
  readonly name: string
}

const MOST_FIELDS = 12
const MOST_CHARACTERS = 80

/** Settings that may hold secrets, at any depth: it is told that they change, not to what. */
const untold =
  /(?:^|\.)(?:filters|headers|headerFields|set|add|body|token|secrets?|keys?|callers|password|users|ca|cert|env|options\.options)\b/i

/** What differs in effect between two configs, a removed part before an added one. */
export function configChanges(before: HotConfig, after: HotConfig): readonly ConfigChange[] {
  return [
    ...partChanges('route', before.routes, after.routes),
    ...partChanges('upstream', [...configuredBy(before).values()], [...configuredBy(after).values()]),
    ...partChanges('task', before.tasks, after.tasks),
    ...partChanges('mesh', [{ name: '', ...before.mesh }], [{ name: '', ...after.mesh }]),
    ...partChanges('defaults', [before.defaultUpstream('')], [after.defaultUpstream('')]),
  ]
}

function partChanges(kind: ConfigChange['kind'], before: readonly Named[], after: readonly Named[]): readonly ConfigChange[] {
  const [old, now] = [byName(before), byName(after)]
  const removed = before.filter(({ name }) => !now.has(name))
  const added = after.filter(({ name }) => !old.has(name))
  const changed = after.flatMap((part): ConfigChange[] => {
    const known = old.get(part.name)
    if (known === undefined || isDeepStrictEqual(known, part)) return []
    return [{ kind, name: part.name, change: 'changed', fields: fieldChanges(known, part).slice(0, MOST_FIELDS) }]
  })
  return [
    ...removed.map(({ name }): ConfigChange => ({ kind, name, change: 'removed', fields: [] })),
    ...added.map(({ name }): ConfigChange => ({ kind, name, change: 'added', fields: [] })),
    ...changed,
  ]
}

function byName(parts: readonly Named[]): ReadonlyMap<string, Named> {
  return new Map(parts.map((part) => [part.name, part]))
}

function fieldChanges(before: unknown, after: unknown, path: readonly (string | number)[] = []): readonly FieldChange[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isPlain(before) || !isPlain(after) || Array.isArray(before) !== Array.isArray(after)) return [leaf(before, after, path)]
  const steps = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return steps.flatMap((step) => {
    const at = Array.isArray(after) ? Number(step) : step
    return fieldChanges(before[step], after[step], [...path, at])
  })
}

function leaf(before: unknown, after: unknown, steps: readonly (string | number)[]): FieldChange {
  const path = formatPath(steps)
  if (untold.test(path)) return { path, before: null, after: null }
  return { path, before: shown(before), after: shown(after) }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === Array.prototype
}

function shown(value: unknown): string | null {
  if (value === undefined) return null
  const text = value instanceof RegExp ? String(value) : JSON.stringify(value)
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text
}
