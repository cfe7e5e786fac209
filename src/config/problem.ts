import { GatewayError } from '../errors.ts'
import type { ConfigPath } from './config.ts'

/** Where in a source of config something stands. */
export interface ConfigPlace {
  /** A file's name, or a KV key as `kv:gateway/routes/hello`. */
  readonly file: string
  /** Counts from 1; 0: what is told of has no lines. */
  readonly line: number
  /** Counts from 1, in UTF-16 units. */
  readonly column: number
  /** `routes[1].match.path`; empty for the whole document. */
  readonly path: string
}

/** One thing that is wrong, or a warning: where, what was found, and what to write instead. */
export interface ConfigProblem extends ConfigPlace {
  readonly message: string
}

/** More than this many problems of one source are not told: the first ones are the ones to repair. */
const MAX_PROBLEMS = 50

/** A config that cannot be used, with everything that is wrong in it. */
export class ConfigError extends GatewayError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const told = problems.toSorted(byPlace).slice(0, MAX_PROBLEMS)
    super('config_invalid', told.map(formatProblem).join('\n'))
    this.problems = told
  }
}

/** Writes a problem as `gateway.yaml:7:14 routes[1].match.pth: unknown key, did you mean "path"?`. */
export function formatProblem({ path, message, ...place }: ConfigProblem): string {
  return `${formatPlace(place)} ${path === '' ? '' : `${path}: `}${message}`
}

/** Writes a place as `gateway.yaml:7:14`. */
export function formatPlace({ file, line, column }: Omit<ConfigPlace, 'path'>): string {
  return line === 0 ? `${file}:` : `${file}:${line}:${column}`
}

/** The part of a value that a path names; undefined if nothing is there. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>((part, step) => {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, step)) return undefined
    return (part as Record<string | number, unknown>)[step]
  }, value)
}

/** Writes a path the way people read it: `routes[1].match.headers["x y"]`. */
export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    if (!/^[\w-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

function byPlace(left: ConfigProblem, right: ConfigProblem): number {
  return left.line - right.line || left.column - right.column
}

/** What a text says, or what is wrong with it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/** Runs a parser; what it throws as problems is given as such. */
export function problemsOr<T>(parse: () => T): Parsed<T> {
  try {
    return { ok: true, value: parse() }
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false, problems: error.problems }
    throw error
  }
}
