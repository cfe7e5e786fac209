import type { z } from 'zod'
import type { ConfigPath } from './config.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { defaultMessage, exampleAt, unionMessage, unknownKeyMessage } from './schema-message.ts'

/** What is validated: a value, and how a problem with a part of it is told. */
export interface Source {
  readonly value: unknown
  /** The value at a path; undefined if nothing is there. */
  valueAt(path: ConfigPath): unknown
  problemAt(path: ConfigPath, message: string, at?: 'value' | 'key'): ConfigProblem
}

/** Makes of a document what its schema says. Throws `config_invalid` with every problem at its place. */
export function validate<T>(schema: z.ZodType<T>, source: Source): T {
  // What we have said ourselves may want an example; what a schema says is complete.
  const incomplete = new Set<string>()
  const parsed = schema.safeParse(source.value, {
    error: (issue) => {
      const { text, isComplete } = defaultMessage(issue)
      if (!isComplete) incomplete.add(text)
      return text
    },
  })
  if (parsed.success) return parsed.data
  throw new ConfigError(problemsOf(parsed.error.issues, [], { schema, source, incomplete }))
}

/** Of one list of issues, and of the unknown keys of one object, so many are looked at: more than are told, and still quick. */
const MAX_ISSUES = 200

interface Reading {
  readonly schema: z.ZodType
  readonly source: Source
  readonly incomplete: ReadonlySet<string>
}

function problemsOf(issues: readonly z.core.$ZodIssue[], base: ConfigPath, reading: Reading): readonly ConfigProblem[] {
  return issues
    .slice(0, MAX_ISSUES)
    .filter((issue) => !isConsequence(issue, issues))
    .flatMap((issue) => problemsOfIssue(issue, [...base, ...issue.path.map(stepOf)], reading))
}

/** What seems to be missing from an object is what its unknown key was meant to be. */
function isConsequence(issue: z.core.$ZodIssue, issues: readonly z.core.$ZodIssue[]): boolean {
  if (issue.code !== 'custom') return false
  const path = JSON.stringify(issue.path)
  return issues.slice(0, MAX_ISSUES).some((other) => other.code === 'unrecognized_keys' && JSON.stringify(other.path) === path)
}

function problemsOfIssue(issue: z.core.$ZodIssue, path: ConfigPath, reading: Reading): readonly ConfigProblem[] {
  const { schema, source, incomplete } = reading
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .slice(0, MAX_ISSUES)
      .map((key) => source.problemAt([...path, key], unknownKeyMessage(schema, path, key), 'key'))
  }
  if (issue.code === 'invalid_key') return [source.problemAt(path, issue.issues[0]?.message ?? 'is not a name', 'key')]
  if (issue.code === 'invalid_union') return problemsOfUnion(issue, path, reading)
  return [source.problemAt(path, incomplete.has(issue.message) ? withExample(issue.message, path, reading) : issue.message)]
}

/** Of the branches of a union, the one that was meant: the value has its type, and fewest of its parts are wrong. */
function problemsOfUnion(issue: z.core.$ZodIssueInvalidUnion, path: ConfigPath, reading: Reading): readonly ConfigProblem[] {
  const meant = issue.errors
    .filter((issues) => !issues.some(isOtherType))
    .toSorted((left, right) => left.length - right.length)[0]
  if (meant) return problemsOf(meant, path, reading)
  const expected = issue.errors.flatMap((issues) => issues.filter(isOtherType).map(({ expected }) => expected))
  const message = unionMessage(expected, reading.source.valueAt(path))
  return [reading.source.problemAt(path, withExample(message, path, reading))]
}

function isOtherType(issue: z.core.$ZodIssue): issue is z.core.$ZodIssueInvalidType {
  return issue.code === 'invalid_type' && issue.path.length === 0
}

function withExample(message: string, path: ConfigPath, { schema, source }: Reading): string {
  const example = exampleAt(schema, path)
  const key = path.at(-1)
  if (example === null) return message
  const isMissing = source.valueAt(path) === undefined
  return `${message}: write ${isMissing && typeof key === 'string' ? `${key}: ` : ''}${example}`
}

function stepOf(step: PropertyKey): string | number {
  return typeof step === 'symbol' ? String(step) : step
}
