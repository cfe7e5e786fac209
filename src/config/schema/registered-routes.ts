import { z } from 'zod'
import { parseHostPattern } from '../../dataplane/router/host-pattern.ts'
import { parsePathPattern } from '../../dataplane/router/path-pattern.ts'
import { formatDurationMs } from '../../durations.ts'
import { nameProblem } from '../../name-problem.ts'
import { builtIn } from '../built-in.ts'
import type { ClaimRule, RegisteredRoutesConfig } from '../config.ts'
import { patternText } from './route.ts'
import { about, count, duration } from './scalars.ts'

const serviceText = z.string().superRefine((text, context) => {
  const problem = text === '*' ? null : nameProblem(text.replace(/\*$/, ''))
  if (problem !== null) context.addIssue(`${problem}; a star at the end takes all names that begin so`)
})

const rule = z
  .strictObject({
    service: serviceText.meta(
      about({
        description: 'A service of the registry; with a star at the end all whose names begin so.',
        example: 'shop',
      }),
    ),
    host: patternText(parseHostPattern)
      .optional()
      .meta(
        about({
          description:
            'Hosts that it may claim: `shop.example.com`, or `*.example.com` for any with one more label. Default: every host, and none.',
          example: 'shop.example.com',
        }),
      ),
    path: patternText(parsePathPattern)
      .optional()
      .meta(
        about({ description: 'Paths that it may claim, with all that is below a `/*`. Default: every path.', example: '/api/*' }),
      ),
  })
  .transform(({ service, host, path }): ClaimRule => ({
    service,
    match: { ...(host !== undefined && { host }), ...(path !== undefined && { path }) },
  }))
  .meta(
    about({
      description: 'What some services may claim.',
      example: { service: 'shop', host: 'shop.example.com', path: '/api/*' },
    }),
  )

/** Routes that services declare of themselves. */
export const registeredRoutes = z
  .strictObject({
    allow: z
      .array(rule)
      .min(1, 'allows nothing: write [{ service: shop, host: shop.example.com, path: /api/* }], or take the section out')
      .meta(
        about({
          description:
            'Who may claim what; a claim has to be a part of what one of the rules says. Of two services that claim the same, the one of the earlier rule has it.',
          example: [{ service: 'shop', host: 'shop.example.com', path: '/api/*' }],
        }),
      ),
    most: count({
      description: 'So many routes at the most, of all services together.',
      default: builtIn.registeredRoutes.most,
      min: 1,
      max: 10_000,
    }).optional(),
    linger: duration({
      description: 'How long the routes of a service stay after its last instance has gone; requests are answered 503 then.',
      default: formatDurationMs(builtIn.registeredRoutes.lingerMs),
    }).optional(),
  })
  .transform(({ allow, most, linger }): RegisteredRoutesConfig => ({
    allow,
    most: most ?? builtIn.registeredRoutes.most,
    lingerMs: linger ?? builtIn.registeredRoutes.lingerMs,
  }))
  .meta(
    about({
      description:
        'Services may declare routes in their own registration, in the meta `gateway-route: shop.example.com/api/*`. Only in the config file. Default: none may.',
      example: { allow: [{ service: 'shop', host: 'shop.example.com', path: '/api/*' }] },
    }),
  )
