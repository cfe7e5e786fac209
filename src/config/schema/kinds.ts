import { z } from 'zod'

/** A table of kinds, as far as config knows it: each has a schema of its options. */
export type KindTable = Readonly<Record<string, { readonly options: z.ZodType }>>

export interface ChosenKind {
  readonly kind: string
  readonly options: unknown
}

/** The kinds of a table as keys of an object, none of them required: one line in the table is one key in YAML. */
export function optionsByKind(table: KindTable): Readonly<Record<string, z.ZodOptional<z.ZodType>>> {
  return Object.fromEntries(Object.entries(table).map(([kind, { options }]) => [kind, options.optional()]))
}

/** The one kind that an object names; null if none. More than one is told to `context`. */
export function oneOf(
  table: KindTable,
  set: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx | null,
): ChosenKind | null {
  const [first, ...more] = Object.keys(table).filter((kind) => set[kind] !== undefined)
  for (const kind of more) {
    context?.addIssue({ code: 'custom', path: [kind], message: `there is "${first}" too: take one of the two out` })
  }
  return first === undefined ? null : { kind: first, options: set[first] }
}

/** Like {@link oneOf}, and tells a missing one too. */
export function exactlyOneOf(table: KindTable, set: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  if (oneOf(table, set, context) === null) context.addIssue(`names nothing to do: write one of ${Object.keys(table).join(', ')}`)
}

/** A kind by its name alone, or with its settings. The type is written out: as it is inferred, the declarations of the package would not hold. */
export function kindOrOptions<T extends KindTable>(
  table: T,
): z.ZodType<ChosenKind, (keyof T & string) | Readonly<Record<string, unknown>>> {
  const names = Object.keys(table) as (keyof T & string)[]
  return z
    .union([z.enum(names), z.strictObject(optionsByKind(table)).meta({ minProperties: 1, maxProperties: 1 })])
    .superRefine((set, context) => {
      if (typeof set === 'object') exactlyOneOf(table, set, context)
    })
    .transform((set): ChosenKind => {
      if (typeof set === 'string') return { kind: set, options: table[set]?.options.parse({}) }
      return oneOf(table, set, null) ?? z.NEVER
    })
}
