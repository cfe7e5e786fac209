import { readFileSync } from 'node:fs'
import { systemCodeOf } from '../errors.ts'

/** What `${…}` in a value may read. */
export interface InterpolationContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Why a variable may be missing although it is set. */
  readonly envHint?: string | undefined
  /** Reads the file of `${file:path}` and throws what Node throws; the default is `fs.readFileSync`. Null: files are not read here. */
  readonly readSecret?: ((path: string) => string) | null | undefined
}

export interface Interpolated {
  readonly text: string
  /** What is wrong, with the fix; never with a value in it. */
  readonly problems: readonly string[]
}

const reference = /\$(\$?)\{([^}]*)\}?/g
const MAX_SECRET_CHARACTERS = 64 * 1024

/**
 * Replaces `${env:NAME}`, `${env:NAME:-default}` (also used for an empty variable) and `${file:path}` (without the line end at its end).
 * `$${` stands for `${`.
 */
export function interpolate(text: string, context: InterpolationContext): Interpolated {
  const problems: string[] = []
  const replaced = text.replace(reference, (whole: string, escape: string, inside: string) => {
    if (escape) return whole.slice(1)
    const found = whole.endsWith('}')
      ? resolve(inside, context)
      : { problem: `"\${" is never closed: write "\${env:NAME}", or "$\${" for itself` }
    if ('problem' in found) problems.push(found.problem)
    return 'value' in found ? found.value : ''
  })
  return { text: replaced, problems }
}

function resolve(inside: string, context: InterpolationContext): { value: string } | { problem: string } {
  const env = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside)
  if (env?.[1] !== undefined) return environmentValue(env[1], env[2], context)
  if (inside.startsWith('file:') && inside.length > 5) return fileValue(inside.slice(5), context)
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(inside))
    return { problem: `"\${${inside}}" does not say from where: write "\${env:${inside}}"` }
  return { problem: 'only "${env:NAME}", "${env:NAME:-default}" and "${file:path}" are known; write "$${" for a plain "${"' }
}

function environmentValue(
  name: string,
  fallback: string | undefined,
  { env, envHint }: InterpolationContext,
): { value: string } | { problem: string } {
  const value = Object.hasOwn(env, name) ? env[name] : undefined
  if (fallback !== undefined) return { value: value || fallback }
  if (value !== undefined) return { value }
  const fix = envHint ?? `set it, or give a default with "\${env:${name}:-default}"`
  return { problem: `the environment variable ${name} is not set: ${fix}` }
}

function fileValue(path: string, { readSecret }: InterpolationContext): { value: string } | { problem: string } {
  if (readSecret === null) return { problem: 'files are not read here: use "${file:path}" in the config file only' }
  try {
    const value = (readSecret ?? readText)(path).replace(/\r?\n$/, '')
    if (value.length <= MAX_SECRET_CHARACTERS) return { value }
    return { problem: `the file ${path} is larger than 64 KiB: name one that holds a single value` }
  } catch (error) {
    return { problem: `the file ${path} cannot be read (${systemCodeOf(error) ?? 'failed'}): check its path and its permissions` }
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
