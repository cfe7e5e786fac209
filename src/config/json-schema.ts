import { z } from 'zod'
import { gateway } from './schema/gateway.ts'

/** A JSON Schema as far as we write and read it. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
}

/** The JSON Schema of the config file, for editors: what may be written, not what it becomes. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(gateway, { io: 'input', override: restoreMetadata })
  return { ...schema, title: 'meshgate config file' } as JsonSchema
}

/** Zod leaves defaults and examples out where a value is transformed; ours are written as people write them, so they hold. */
function restoreMetadata({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  const meta = z.globalRegistry.get(zodSchema)
  if (meta?.['default'] !== undefined) jsonSchema.default = meta['default']
  if (Array.isArray(meta?.['examples'])) jsonSchema.examples = meta['examples']
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
}
