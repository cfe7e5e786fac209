import { z } from 'zod'

export type NoOptions = Record<string, never>

/** The schema of a balancer that has nothing to set. */
export function noOptions(description: string): z.ZodType<NoOptions> {
  return z.strictObject({}).meta({ description, examples: [{}] })
}
