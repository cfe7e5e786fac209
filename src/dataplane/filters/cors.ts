import { z } from 'zod'
import type { HeaderList, RequestHead } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'
import { addVary } from '../http/vary.ts'
import type { FilterKind } from './filter.ts'
import { compileOrigins, originProblem } from './cors-origins.ts'
import { durationMsOf, durationText, fieldName } from './scalar-options.ts'

const options = z
  .strictObject({
    origins: z
      .array(
        z.string().superRefine((origin, context) => {
          const problem = originProblem(origin)
          if (problem !== null) context.addIssue(problem)
        }),
      )
      .min(1, 'allows nobody: write [https://app.example.com]')
      .max(1000)
      .meta({
        description:
          'Pages of which origins may read answers: `https://app.example.com`, `https://*.example.com` (one more label), or `*` for all.',
        examples: [['https://app.example.com']],
      }),
    methods: z
      .array(z.string().regex(/^[A-Z]{1,32}$/, 'a method is in capitals: write GET'))
      .min(1, 'allows no method: write [GET]')
      .default(['GET', 'HEAD', 'POST'])
      .meta({ description: 'Methods that they may use. Default: [GET, HEAD, POST].', examples: [['GET', 'PUT']] }),
    headers: z
      .array(fieldName)
      .default([])
      .meta({
        description: 'Request fields that they may set beside the harmless ones; `*` for all. Default: none.',
        examples: [['X-Tenant']],
      }),
    expose: z
      .array(fieldName)
      .default([])
      .meta({
        description: 'Response fields that they may read beside the harmless ones; `*` for all. Default: none.',
        examples: [['ETag']],
      }),
    credentials: z
      .boolean()
      .default(false)
      .describe('Whether cookies and logins go along; then no `*` may stand in any list. Default: false.'),
    maxAge: durationText({ minMs: 0, maxMs: 86_400_000 })
      .default('5m')
      .meta({ description: 'How long browsers remember the answer to a preflight. Default: 5m.', examples: ['5m'] }),
  })
  .superRefine(({ origins, methods, headers, expose, credentials }, context) => {
    for (const [key, list] of Object.entries({ origins, methods, headers, expose })) {
      if (!credentials || !list.includes('*')) continue
      const message = 'must not have "*" with credentials: true, or every page could act as the user; list them'
      context.addIssue({ code: 'custom', path: [key], message })
    }
  })
  .describe(
    'Tells browsers which other sites may call this one. Answers preflights; what the service says of CORS itself is replaced.',
  )

const ofTheService = new FieldNames([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
])

/** `cors: { origins: [https://app.example.com], methods: [GET, PUT], credentials: true }` */
export const cors: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ origins, methods, headers, expose, credentials, maxAge }) => {
    const isAllowed = compileOrigins(origins)
    const everyone = origins.includes('*')
    const preflight: HeaderList = ['Access-Control-Allow-Methods', methods.join(', ')]
    if (headers.length > 0) preflight.push('Access-Control-Allow-Headers', headers.join(', '))
    preflight.push('Access-Control-Max-Age', String(Math.floor(durationMsOf(maxAge) / 1000)))
    return {
      onRequest: (request) => {
        if (!isPreflight(request)) return undefined
        return { status: 204, headers: [], body: '' }
      },
      onResponse: (response, request) => {
        removeFields(response.headers, ofTheService)
        // Fetch standard, CORS protocol and HTTP caches: an answer that depends on the origin must say so also to those without one.
        if (!everyone) addVary(response.headers, 'Origin')
        const origin = fieldOf(request.headers, 'origin')
        if (origin === undefined || !isAllowed(origin)) return
        response.headers.push('Access-Control-Allow-Origin', everyone ? '*' : origin)
        if (credentials) response.headers.push('Access-Control-Allow-Credentials', 'true')
        if (isPreflight(request)) response.headers.push(...preflight)
        else if (expose.length > 0) response.headers.push('Access-Control-Expose-Headers', expose.join(', '))
      },
    }
  },
}

function isPreflight({ method, headers }: RequestHead): boolean {
  return (
    method === 'OPTIONS' &&
    fieldOf(headers, 'origin') !== undefined &&
    fieldOf(headers, 'access-control-request-method') !== undefined
  )
}
