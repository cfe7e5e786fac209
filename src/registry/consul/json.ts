import type { z } from 'zod'

/** Fields that are uint64 on the wire: a double would change them, and a lock with changed flags is refused by Consul's Go client. */
const exactFields: ReadonlySet<string> = new Set(['Flags', 'LockIndex', 'CreateIndex', 'ModifyIndex'])

type ExactReviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

const exactReviver: ExactReviver = (key, value, { source }) =>
  typeof value === 'number' && source !== undefined && exactFields.has(key) ? BigInt(source) : value

/** Parses JSON and checks its shape. Throws SyntaxError or an Error that names the place. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): T {
  return checked(JSON.parse(text), schema)
}

/** The same with the uint64 fields as exact bigints. */
export function parseExactJson<T>(text: string, schema: z.ZodType<T>): T {
  // The reviver's third argument (ECMAScript "JSON.parse source text access") is newer than the compiler's library.
  return checked(JSON.parse(text, exactReviver as (key: string, value: unknown) => unknown), schema)
}

function checked<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new Error(`at ${issue?.path.map(String).join('.') || 'the top'}: ${issue?.message ?? 'not what was expected'}`)
}
