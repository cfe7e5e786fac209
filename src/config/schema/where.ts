import { z } from 'zod'
import { about } from './scalars.ts'

/** What instances must have to be meant. */
export const where = z
  .record(z.string().min(1), z.string())
  .refine((set) => Object.keys(set).length > 0, 'names nothing: write { version: v1 }, or take the line out for all instances')
  .meta(
    about({
      description:
        'Only instances with all of this: a key of their meta with that value, or a tag `key=value`; `tag` is a whole tag.',
      example: { version: 'v1' },
    }),
  )
