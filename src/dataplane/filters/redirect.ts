import { z } from 'zod'
import type { FilterKind } from './filter.ts'

const options = z
  .strictObject({
    to: z
      .string()
      .refine(
        isRedirectTarget,
        'must be an absolute URL or a path, without user and in ASCII: write https://example.com/new or /new',
      )
      .describe('Where to: an absolute URL, or a path on the same host.'),
    status: z
      .literal([301, 302, 303, 307, 308])
      .default(308)
      .describe(
        '301 and 308 are permanent, 302 and 307 temporary; 307 and 308 keep method and body, 303 asks for a GET. Default: 308.',
      ),
    keepPath: z
      .boolean()
      .default(false)
      .describe('Appends path and query of the request to `to`, which is then a URL without query. Default: false.'),
  })
  .refine(({ to, keepPath }) => !keepPath || isBase(to), {
    path: ['to'],
    message: 'must be an absolute URL without query and fragment when keepPath is true: write https://example.com',
  })
  .describe('Answers with a redirect; no upstream is asked.')

/** `redirect: { to: https://new.example.com, status: 301, keepPath: true }` */
export const redirect: FilterKind<z.infer<typeof options>> = {
  options,
  isPure: true,
  create: ({ to, status, keepPath }) => {
    // The path brings its own slash, so one at the end would double it.
    const base = keepPath && to.endsWith('/') ? to.slice(0, -1) : to
    return {
      onRequest: ({ path, query }) => ({ status, headers: ['Location', keepPath ? base + path + query : to], body: '' }),
    }
  },
}

function isRedirectTarget(to: string): boolean {
  if (!/^[\x21-\x7e]+$/.test(to) || to.includes('\\')) return false
  // Two slashes would name another host.
  if (to.startsWith('/')) return !to.startsWith('//')
  return isWebUrl(to)
}

function isWebUrl(to: string): boolean {
  if (!/^https?:\/\/[^/?#]/i.test(to)) return false
  const url = URL.parse(to)
  return url !== null && url.username === '' && url.password === ''
}

function isBase(to: string): boolean {
  return isWebUrl(to) && !to.includes('?') && !to.includes('#')
}
