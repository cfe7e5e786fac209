import { findTies } from '../dataplane/router/ties.ts'
import { sharedContext } from './entry.ts'
import { MAX_FILE_BYTES, hotOf, type HotDocument } from './file.ts'
import type { InterpolationContext } from './interpolate.ts'
import { layered } from './layers.ts'
import { ConfigError, formatPlace, type ConfigProblem } from './problem.ts'
import { gateway, revisionFile } from './schema/gateway.ts'
import { validate } from './validate.ts'
import type { Written } from './written.ts'
import { YamlSource } from './yaml-source.ts'

/** Settings of a config file that a revision cannot hold. */
const coldKeys = Object.keys(gateway.shape).filter((key) => !Object.hasOwn(revisionFile.shape, key))

const nothing: Omit<HotDocument, 'name'> = {
  defaults: {},
  routes: [],
  upstreams: [],
  tasks: [],
  mesh: {},
  ties: [],
  overrides: [],
}

/** What a revision without files says. */
export function emptyRevision(name: string): HotDocument {
  return { name, ...nothing }
}

/**
 * Parses one file of a revision, at most 1 MiB; `name` names it in messages. Throws {@link ConfigError}. Like an entry of KV it sees
 * `MESHGATE_…` variables only and no files: who may write KV must not thereby read the gateway's secrets.
 */
export function parseRevisionFile(text: string, name: string, context: InterpolationContext): HotDocument {
  const whenEmpty = 'is empty: write at least routes: []'
  const source = new YamlSource(text, { name, maxBytes: MAX_FILE_BYTES, whenEmpty, context: sharedContext(context) })
  const cold = coldKeys.filter((key) => source.valueAt([key]) !== undefined)
  if (cold.length > 0) throw new ConfigError(cold.map((key) => coldProblem(key, source)))
  const hot = hotOf(validate(revisionFile, source), source)
  return { ...nothing, name, ...hot, ties: findTies(hot.routes.map(({ value }) => value)) }
}

/** Puts the files of a revision together. Throws {@link ConfigError} for what two of them say differently: none is above the other. */
export function joinRevisionFiles(name: string, files: readonly HotDocument[]): HotDocument {
  const [first = emptyRevision(name), ...others] = files
  const problems = [
    ...repeated('route', files, ({ routes }) => routes),
    ...repeated('upstream', files, ({ upstreams }) => upstreams),
    ...repeated('task', files, ({ tasks }) => tasks),
    ...repeatedSection('defaults', files),
    ...repeatedSection('mesh', files),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...others.reduce(layered, first), name }
}

function coldProblem(key: string, source: YamlSource): ConfigProblem {
  const why = key === 'registeredRoutes' ? 'says whom this gateway trusts' : 'needs a restart'
  const message = `${why}, so it cannot be in a revision: leave ${key} in the config file of each gateway`
  return source.problemAt([key], message, 'key')
}

function repeated(
  kind: string,
  files: readonly HotDocument[],
  partsOf: (file: HotDocument) => readonly Written<{ readonly name: string }>[],
): readonly ConfigProblem[] {
  const seen = new Map<string, Written<unknown>>()
  return files.flatMap(partsOf).flatMap((part) => {
    const first = seen.get(part.value.name)
    seen.set(part.value.name, part)
    if (!first) return []
    return [{ ...part.place, message: `the ${kind} "${part.value.name}" is at ${formatPlace(first.place)} too: take one out` }]
  })
}

function repeatedSection(section: 'defaults' | 'mesh', files: readonly HotDocument[]): readonly ConfigProblem[] {
  const [first, second] = files.filter((file) => Object.keys(file[section]).length > 0)
  if (!first || !second) return []
  const message = `${first.name} has ${section} too: write all of it in one file of a revision`
  return [{ file: second.name, line: 1, column: 1, path: section, message }]
}
