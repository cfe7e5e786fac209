import { findTies } from '../dataplane/router/ties.ts'
import type { HotDocument } from './file.ts'
import { overlay } from './overlay.ts'
import { formatPlace, type ConfigProblem } from './problem.ts'
import type { Written } from './written.ts'

type Named = Written<{ readonly name: string }>

/** Puts one source of hot config above another: a name in the upper one wins over the same name in the lower one, also of a setting of `defaults`. */
export function layered(below: HotDocument, above: HotDocument): HotDocument {
  const routes = merged(below.routes, above.routes)
  return {
    name: above.name,
    defaults: overlay(below.defaults, above.defaults),
    routes,
    upstreams: merged(below.upstreams, above.upstreams),
    tasks: merged(below.tasks, above.tasks),
    mesh: overlay(below.mesh, above.mesh),
    ties: below.routes.length === 0 ? above.ties : findTies(routes.map(({ value }) => value)),
    overrides: [
      ...below.overrides,
      ...above.overrides,
      ...overridden('route', below.routes, above.routes),
      ...overridden('upstream', below.upstreams, above.upstreams),
      ...overridden('task', below.tasks, above.tasks),
    ],
  }
}

function merged<T extends Named>(below: readonly T[], above: readonly T[]): readonly T[] {
  const taken = new Set(above.map(({ value }) => value.name))
  return [...below.filter(({ value }) => !taken.has(value.name)), ...above]
}

function overridden(kind: string, below: readonly Named[], above: readonly Named[]): readonly ConfigProblem[] {
  const byName = new Map(below.map((part) => [part.value.name, part]))
  return above.flatMap(({ value, place }) => {
    const other = byName.get(value.name)
    return other ? [{ ...place, message: overrideMessage(kind, value.name, other) }] : []
  })
}

/** What is told of a part that stands in place of another. */
export function overrideMessage(kind: string, name: string, other: Written<unknown>): string {
  return `overrides the ${kind} "${name}" at ${formatPlace(other.place)}`
}
