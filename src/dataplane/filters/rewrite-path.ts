import { z } from 'zod'
import { parseTarget } from '../http/target-path.ts'
import type { FilterKind } from './filter.ts'

const folder = z
  .string()
  .regex(/^\/[^?#\s]*[^?#\s/]$/, 'must start with /, must not end with /, and has no query: write /api')
  .refine(
    (path) => parseTarget(path)?.path === path,
    'is not in normal form: no . or .. segments, escapes in upper case, other text escaped',
  )

const options = z
  .strictObject({
    strip: folder
      .optional()
      .describe('Leading folder to take off the path, on a segment boundary; a path that is not below it stays as it is.'),
    prefix: folder.optional().describe('Folder to put in front of the path, after `strip`.'),
  })
  .refine(({ strip, prefix }) => strip !== undefined || prefix !== undefined, 'needs strip, prefix or both')
  .describe('Changes the path that the upstream sees; the query stays.')

/** `rewritePath: { strip: /api, prefix: /v2 }` */
export const rewritePath: FilterKind<z.infer<typeof options>> = {
  options,
  isPure: true,
  create: ({ strip, prefix }) => ({
    onRequest: (request) => {
      request.path = rewritten(request.path, strip, prefix)
      return undefined
    },
  }),
}

function rewritten(path: string, strip: string | undefined, prefix: string | undefined): string {
  const isBelow = strip !== undefined && path.startsWith(strip) && (path.length === strip.length || path[strip.length] === '/')
  const rest = isBelow ? path.slice(strip.length) : path
  if (prefix !== undefined) return prefix + rest
  return rest === '' ? '/' : rest
}
