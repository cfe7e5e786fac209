import { z } from 'zod'
import { filterTable } from '../../dataplane/filters/table.ts'
import { parseHostPattern } from '../../dataplane/router/host-pattern.ts'
import { parsePathPattern } from '../../dataplane/router/path-pattern.ts'
import type { StickyPolicy } from '../../dataplane/upstream/sticky.ts'
import { nameProblem } from '../../name-problem.ts'
import { deadline, hedge, retry, timeouts } from './attempts.ts'
import { exactlyOneOf, optionsByKind } from './kinds.ts'
import { mirror } from './mirror.ts'
import { about, count, duration, fieldName, name, token } from './scalars.ts'
import { parseShortRoute } from './short-route.ts'
import { split, to } from './split.ts'

/** Taken by the metrics for requests without a route, calls by name, and tasks. */
const reservedNames: readonly string[] = ['none', 'mesh', 'task']

const takenText = `is taken by the gateway itself (${reservedNames.join(', ')}): choose another name`

type Pattern = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** A pattern that its parser takes. */
export function patternText(parse: (text: string) => Pattern) {
  return z.string().superRefine((text, context) => {
    const parsed = parse(text)
    if (!parsed.ok) context.addIssue(parsed.reason)
  })
}

const match = z
  .strictObject({
    host: patternText(parseHostPattern)
      .optional()
      .meta(
        about({
          description: '`shop.example.com`, or `*.example.com` for one more label in front. Default: every host.',
          example: 'shop.example.com',
        }),
      ),
    path: patternText(parsePathPattern)
      .optional()
      .meta(
        about({
          description:
            '`/x` exact; `/x/*` with all below it, `/x` too; `/u/{id}` any one segment; `~^/re` regular expression. Default: every path.',
          example: '/api/*',
        }),
      ),
    methods: z
      .array(z.string().regex(/^[A-Z]+$/, 'a method is in capitals: write GET'))
      .min(1, 'takes no method: write [GET], or take the line out for all')
      .optional()
      .meta(about({ description: 'One of these methods. Default: all.', example: ['GET', 'POST'] })),
    headers: z
      .record(fieldName, z.string())
      .optional()
      .meta(about({ description: 'All of these header fields, with exactly these values.', example: { 'x-tenant': 'acme' } })),
    query: z
      .record(z.string(), z.string())
      .optional()
      .meta(about({ description: 'All of these query parameters, with exactly these values.', example: { v: '2' } })),
    priority: count({
      description: 'Wins over specificity, the higher first.',
      default: 0,
      min: -1_000_000,
      max: 1_000_000,
    }).optional(),
  })
  .meta(about({ description: 'What the route takes; all parts must hold. Default: everything.', example: { path: '/api/*' } }))

const filter = z
  .strictObject(optionsByKind(filterTable))
  .superRefine((set, context) => exactlyOneOf(filterTable, set, context))
  .meta({
    ...about({ description: 'One step: its kind, with its settings.', example: { rewritePath: { strip: '/api' } } }),
    minProperties: 1,
    maxProperties: 1,
  })

const sticky = z
  .strictObject({
    cookie: z
      .string()
      .regex(token, 'is not a cookie name: write letters, digits, "-" and "_"')
      .meta(about({ description: 'Name of the cookie: one for each upstream that clients stay with.', example: 'uid' })),
    key: z
      .string()
      .min(16, 'is too short for a secret: write at least 16 characters')
      .optional()
      .meta(
        about({
          description:
            'Secret that signs the cookie; the same in all gateways. Default: made from the name of the cookie, which whoever knows the id of an instance can do too: it could then choose its instance.',
          example: '${env:STICKY_KEY}',
        }),
      ),
    maxAge: duration({
      description: 'How long clients keep it. Default: until they end.',
      example: '1d',
      minMs: 1_000,
      maxMs: 400 * 86_400_000,
    }).optional(),
  })
  .transform(({ cookie, key, maxAge }): StickyPolicy => ({ cookie, key: key ?? null, maxAgeMs: maxAge ?? null }))
  .meta(
    about({
      description:
        'A client stays with the instance that served it first, as long as that one is eligible, by a signed cookie. It holds across restarts and gateways.',
      example: { cookie: 'uid' },
    }),
  )

const routeName = name({
  description: 'Stable name: for metrics, logs, and the key in KV that overrides it.',
  example: 'shop-api',
}).refine((text) => !reservedNames.includes(text), takenText)

const longRoute = {
  match: match.optional(),
  filters: z
    .array(filter)
    .max(50)
    .optional()
    .meta(
      about({
        description: 'Steps on the request, in this order; on the response in reverse.',
        example: [{ rewritePath: { strip: '/api' } }],
      }),
    ),
  to,
  split: split.optional(),
  mirror: mirror.optional(),
  sticky: sticky.optional(),
  timeouts: timeouts.optional(),
  retry: retry.optional(),
  deadline: deadline.optional(),
  hedge: hedge.optional(),
}

const shortForm =
  'a short route is a host, a path or both, and an upstream: write /api/* -> shop, or shop.example.com/img/* -> images'

/** A route in one line. */
export const shortRoute = z
  .string()
  .transform((text, context) => {
    const parsed = parseShortRoute(text)
    const problems = parsed ? shortRouteProblems(parsed) : [`"${text}" is not a route: ${shortForm}`]
    for (const problem of problems) context.addIssue(problem)
    return parsed && problems.length === 0
      ? {
          name: parsed.name,
          match: parsed.match,
          filters: undefined,
          to: [{ upstream: parsed.upstream, weight: 1 }],
          split: undefined,
          mirror: undefined,
          sticky: undefined,
          timeouts: undefined,
          retry: undefined,
          deadline: undefined,
          hedge: undefined,
        }
      : z.NEVER
  })
  .meta({
    ...about({ description: 'A route in one line; its name is the part in front of the arrow.', example: '/api/* -> shop' }),
    pattern: String.raw`\s->\s`,
  })

function shortRouteProblems({ name: text, match, upstream }: NonNullable<ReturnType<typeof parseShortRoute>>): readonly string[] {
  const host = match.host === undefined ? null : parseHostPattern(match.host)
  const path = match.path === undefined ? null : parsePathPattern(match.path)
  const taken = reservedNames.includes(text) ? `"${text}" ${takenText}` : null
  const found = [host?.ok === false ? host.reason : null, path?.ok === false ? path.reason : null, nameProblem(upstream), taken]
  return found.filter((problem) => problem !== null)
}

/** A route as it stands in the file. */
export const route = z
  .union([shortRoute, z.strictObject({ name: routeName, ...longRoute })])
  .meta(about({ description: 'What goes where.', example: '/api/* -> shop' }))

/** A route as it stands in KV, where its key is its name. */
export const routeEntry = z.union([shortRoute, z.strictObject({ name: routeName.optional(), ...longRoute })])

export type WrittenRoute = z.output<typeof routeEntry>
