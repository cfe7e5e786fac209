import { z } from 'zod'
import type { FilterKind } from './filter.ts'
import { durationMsOf, durationText } from './scalar-options.ts'

const options = z
  .strictObject({
    total: durationText({ maxMs: 86_400_000 }).meta({
      description: 'For the whole exchange, from its begin to the end of the answer, filters and all attempts included.',
      examples: ['2s'],
    }),
  })
  .describe(
    'Gives an exchange less time than its route: then the answer is 504 deadline_exceeded, or is cut if it has begun. It never gives more.',
  )

/** `timeout: { total: 2s }` */
export const timeout: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ total }) => {
    const totalMs = durationMsOf(total)
    return { onRequest: (request) => void (request.totalMs = Math.min(request.totalMs ?? Infinity, totalMs)) }
  },
}
