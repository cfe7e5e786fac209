import { findTies, type Tie } from '../dataplane/router/ties.ts'
import { builtIn } from './built-in.ts'
import type { HotConfig, RouteConfig } from './config.ts'
import type { ConfigEntry } from './entry.ts'
import type { HotDocument } from './file.ts'
import { overrideMessage } from './layers.ts'
import { preferenceWarnings, whereWarnings } from './no-effect.ts'
import { overlay } from './overlay.ts'
import { formatPlace, type ConfigProblem } from './problem.ts'
import { resolveUpstream } from './resolve-upstream.ts'
import { splitProblems, splitsOf, withSplits } from './splits.ts'
import type { EntryKind, Written, WrittenByKind } from './written.ts'

/** The parts that a config was put together of: what each of them says, and where. A revision is in `file`, above what the file says. */
export interface ConfigLayers {
  readonly file: HotDocument
  /** The entries of KV that serve; one wins over what has its name in the file. */
  readonly entries: readonly ConfigEntry[]
}

/** The file and the entries of KV put together. */
export interface Assembly {
  readonly hot: HotConfig
  readonly layers: ConfigLayers
  /** What is wrong between the parts of the file: with any of these the file must not serve. */
  readonly fileProblems: readonly ConfigProblem[]
  /** By the entry's source: why it is left out. */
  readonly entryProblems: ReadonlyMap<string, readonly ConfigProblem[]>
  readonly warnings: readonly ConfigProblem[]
}

/** One route, and the entry it comes from; null: from the file. */
type Placed = Written<RouteConfig> & { readonly source: string | null }

/**
 * Puts a file and entries together and finds what only shows then. An entry takes the place of what has its name in the file. An entry that
 * does not fit is left out and what it took the place of is back; of two entries that exclude each other the earlier in the list stays.
 */
export function assemble(file: HotDocument, entries: readonly ConfigEntry[]): Assembly {
  const entryProblems = new Map<string, readonly ConfigProblem[]>()
  const ofFile = ranked(file, [])
  const fileProblems = tieProblems(ofFile).map(({ problem }) => problem)
  let accepted = entries
  let all = accepted.length === 0 ? ofFile : ranked(file, accepted)
  for (;;) {
    const refused = new Map([
      ...refusedEntries(all),
      ...splitProblems(
        all.routes.map(({ value }) => value),
        splitsOf(accepted),
      ),
    ])
    if (refused.size === 0) break
    for (const [source, problem] of refused) entryProblems.set(source, [problem])
    accepted = accepted.filter(({ source }) => !refused.has(source))
    all = ranked(file, accepted)
  }
  const { routes } = all
  const hot = hotConfig(file, accepted, routes)
  const warnings = [
    ...file.overrides,
    ...overrideWarnings(file, accepted),
    ...shadowWarnings(all),
    ...whereWarnings(routes, hot),
    ...preferenceWarnings(merged('upstream', file.upstreams, accepted), hot),
  ]
  return { hot, layers: { file, entries: accepted }, fileProblems, entryProblems, warnings }
}

function hotConfig(file: HotDocument, entries: readonly ConfigEntry[], routes: readonly Placed[]): HotConfig {
  return {
    routes: withSplits(
      routes.map(({ value }) => value),
      splitsOf(entries),
    ),
    upstreams: merged('upstream', file.upstreams, entries).map(({ value: { name, settings } }) =>
      resolveUpstream(name, settings, file.defaults),
    ),
    tasks: merged('task', file.tasks, entries).map(({ value }) => value),
    mesh: overlay(builtIn.mesh, file.mesh),
    defaultUpstream: (name) => resolveUpstream(name, {}, file.defaults),
  }
}

function merged<K extends EntryKind>(
  kind: K,
  written: readonly Written<WrittenByKind[K]>[],
  entries: readonly ConfigEntry[],
): readonly (Written<WrittenByKind[K]> & { readonly source: string | null })[] {
  const own = entries.filter((entry) => entry.kind === kind) as unknown as readonly (Written<WrittenByKind[K]> & {
    readonly source: string
  })[]
  const taken = new Set(own.map(({ value }) => value.name))
  return [
    ...written.filter(({ value }) => !taken.has(value.name)).map(({ value, place }) => ({ value, place, source: null })),
    ...own,
  ]
}

/** Routes, and which of them are pointless. */
interface Ranked {
  readonly routes: readonly Placed[]
  readonly ties: readonly Tie[]
}

function ranked(file: HotDocument, entries: readonly ConfigEntry[]): Ranked {
  const routes = merged('route', file.routes, entries)
  if (entries.length === 0) return { routes, ties: file.ties }
  return { routes, ties: findTies(routes.map(({ value }) => value)) }
}

interface TieProblem {
  /** The entry to leave out; null: both routes are the file's. */
  readonly source: string | null
  readonly problem: ConfigProblem
}

function tieProblems(routes: Ranked): readonly TieProblem[] {
  return pairs(routes, 'tie').map(([first, second]) => {
    // The file stays as it is: of a route of the file and an entry, the entry goes.
    const [stays, goes] = second.source === null && first.source !== null ? [second, first] : [first, second]
    const where = `route "${stays.value.name}" at ${formatPlace(stays.place)}`
    const message = `takes the same requests as ${where}: narrow its match, set match.priority, or take one out`
    return { source: goes.source, problem: { ...goes.place, message } }
  })
}

function refusedEntries(routes: Ranked): ReadonlyMap<string, ConfigProblem> {
  return new Map(tieProblems(routes).flatMap(({ source, problem }) => (source === null ? [] : [[source, problem] as const])))
}

function shadowWarnings(routes: Ranked): readonly ConfigProblem[] {
  return pairs(routes, 'shadowed').map(([winner, { place }]) => ({
    ...place,
    message: `can never be chosen: route "${winner.value.name}" at ${formatPlace(winner.place)} takes all of it; set match.priority, or take it out`,
  }))
}

function overrideWarnings(file: HotDocument, entries: readonly ConfigEntry[]): readonly ConfigProblem[] {
  const written = { route: file.routes, upstream: file.upstreams, task: file.tasks, split: [] }
  return entries.flatMap(({ kind, value, place }) => {
    const parts: readonly Written<{ readonly name: string }>[] = written[kind]
    const other = parts.find((part) => part.value.name === value.name)
    return other ? [{ ...place, message: overrideMessage(kind, value.name, other) }] : []
  })
}

function pairs({ routes, ties }: Ranked, kind: Tie['kind']): readonly (readonly [Placed, Placed])[] {
  return ties.flatMap((tie) => {
    const [winner, loser] = [routes[tie.first], routes[tie.second]]
    return tie.kind === kind && winner && loser ? [[winner, loser] as const] : []
  })
}
