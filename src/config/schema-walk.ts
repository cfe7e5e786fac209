import type { z } from 'zod'
import type { ConfigPath } from './config.ts'

/** The parts of zod's definitions that lead from a schema to those inside it. */
interface Definition {
  readonly type: string
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
}

/** Every schema that a value at that path may have to satisfy: wrappers first, and all branches of a union. */
export function schemasAt(root: z.core.$ZodType, path: ConfigPath): readonly z.core.$ZodType[] {
  const [step, ...rest] = path
  const here = layersOf(root)
  if (step === undefined) return here
  return here.flatMap((schema) => {
    const child = childOf(schema, step)
    return child ? schemasAt(child, rest) : []
  })
}

/** The keys that an object at that path may have. */
export function keysAt(root: z.core.$ZodType, path: ConfigPath): readonly string[] {
  return [...new Set(schemasAt(root, path).flatMap((schema) => Object.keys(definitionOf(schema).shape ?? {})))]
}

/** A schema with all that it wraps, from the outside in. */
function layersOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  const { innerType, in: input, options } = definitionOf(schema)
  const inside = [innerType, input, ...(options ?? [])].filter((layer) => layer !== undefined)
  return [schema, ...inside.flatMap(layersOf)]
}

function childOf(schema: z.core.$ZodType, step: string | number): z.core.$ZodType | undefined {
  const { shape, element, valueType } = definitionOf(schema)
  if (typeof step === 'number') return element
  return shape && Object.hasOwn(shape, step) ? shape[step] : valueType
}

function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def
}
