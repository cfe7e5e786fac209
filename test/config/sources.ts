import { assemble, type Assembly } from '../../src/config/assemble.ts'
import { parseEntry, type ConfigEntry } from '../../src/config/entry.ts'
import { parseFile, type FileDocument } from '../../src/config/file.ts'
import type { InterpolationContext } from '../../src/config/interpolate.ts'
import { ConfigError, formatProblem } from '../../src/config/problem.ts'
import type { EntryKind } from '../../src/config/written.ts'

export const listenersLine = 'listeners: { web: { bind: ":8080" } }\n'

/** Parses `gateway.yaml` with that text behind a line of listeners. */
export function fileWith(text: string, context: InterpolationContext = { env: {} }): FileDocument {
  return parseFile(listenersLine + text, 'gateway.yaml', context)
}

/** Parses the entry `gateway/<kind>s/<name>`. */
export function entry(kind: EntryKind, name: string, text: string, env: Record<string, string> = {}): ConfigEntry {
  return parseEntry(kind, name, { text, source: `kv:gateway/${kind}s/${name}` }, { env })
}

/** What a parser refuses, as people read it; empty if it refuses nothing. */
export function refusals(parse: () => unknown): readonly string[] {
  try {
    parse()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem)
    throw error
  }
}

/** What a file is refused for, by its parts or as a whole. */
export function fileRefusals(text: string, name: string): readonly string[] {
  return refusals(() => {
    const { fileProblems } = assemble(parseFile(text, name, { env: {} }), [])
    if (fileProblems.length > 0) throw new ConfigError(fileProblems)
  })
}

/** The problems of an assembly's entries as people read them. */
export function entryRefusals({ entryProblems }: Assembly): readonly string[] {
  return [...entryProblems.values()].flat().map(formatProblem)
}
