import { z } from 'zod'
import type { ConfigPath } from './config.ts'
import { closest } from '../did-you-mean.ts'
import { keysAt, schemasAt } from './schema-walk.ts'

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'settings ("key: value")',
  record: 'settings ("key: value")',
  array: 'a list',
  null: 'nothing',
}

/** The text of an issue whose schema gives none of its own; it never has a value in it. `isComplete`: it says what to write. */
export function defaultMessage(issue: z.core.$ZodRawIssue): { readonly text: string; readonly isComplete: boolean } {
  const { code } = issue
  const isComplete = code === 'too_small' || code === 'too_big' || code === 'invalid_value'
  return { text: defaultText(issue), isComplete }
}

function defaultText(issue: z.core.$ZodRawIssue): string {
  const { code } = issue
  if (code === 'invalid_type') return typeMessage(issue.expected, issue.input)
  if (code === 'too_small')
    return issue.origin === 'number' ? `must be at least ${issue.minimum}` : `needs at least ${issue.minimum}`
  if (code === 'too_big') return issue.origin === 'number' ? `must be at most ${issue.maximum}` : `has more than ${issue.maximum}`
  if (code === 'invalid_value') return choiceMessage(issue.values.map(String), issue.input)
  return 'is not in the expected form'
}

/** What a mistyped or unknown key should have been. */
export function unknownKeyMessage(root: z.core.$ZodType, path: ConfigPath, key: string): string {
  const keys = keysAt(root, path)
  const meant = closest(key, keys)
  if (meant !== null) return `unknown key, did you mean "${meant}"?`
  return keys.length === 0 ? 'unknown key: nothing can be set here, take it out' : `unknown key: there are ${keys.join(', ')}`
}

/** What to write at a path, from the examples of its schemas; null if they have none. */
export function exampleAt(root: z.core.$ZodType, path: ConfigPath): string | null {
  for (const schema of schemasAt(root, path)) {
    const [example] = (z.globalRegistry.get(schema)?.['examples'] ?? []) as readonly unknown[]
    if (example !== undefined) return yamlOf(example)
  }
  return null
}

/** Names the types of which a value should have been one. */
export function unionMessage(expected: readonly string[], input: unknown): string {
  if (input === undefined) return 'is missing'
  const wanted = [...new Set(expected.map((type) => typeNames[type] ?? type))].join(' or ')
  return `expected ${wanted}, found ${typeNameOf(input)}`
}

function typeMessage(expected: string, input: unknown): string {
  if (input === undefined) return 'is missing'
  if (input === null) return 'has no value'
  const found = typeNameOf(input)
  if (expected === 'string' && (found === 'a number' || found === 'true or false'))
    return `expected text, found ${found}: put it in quotes, or give it its unit`
  return `expected ${typeNames[expected] ?? expected}, found ${found}`
}

function choiceMessage(values: readonly string[], input: unknown): string {
  const meant = typeof input === 'string' ? closest(input, values) : null
  const choices = values.length === 1 ? values.join('') : `one of ${values.join(', ')}`
  return meant === null ? `expected ${choices}` : `expected ${choices}; did you mean "${meant}"?`
}

function typeNameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction'
  return typeNames[typeof value] ?? typeof value
}

/** A value as it may stand behind "key: ", on one line. */
function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const inside = Object.entries(value).map(([key, item]) => `${key}: ${yamlOf(item)}`)
    return inside.length === 0 ? '{}' : `{ ${inside.join(', ')} }`
  }
  return typeof value === 'string' && isPlain(value) ? value : JSON.stringify(value)
}

/** Whether a text can do without quotes, also inside of braces. */
function isPlain(text: string): boolean {
  return /^[A-Za-z0-9/~][\w ./%+*>-]*(?::[\w/][\w./-]*)*$/.test(text) && !/^[\d.]+$/.test(text)
}
