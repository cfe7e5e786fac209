import { z } from 'zod'
import { requestKeyText } from '../../dataplane/request-key.ts'
import type { SplitPolicy } from '../../dataplane/split.ts'
import type { RouteShare } from '../config.ts'
import { shareName } from '../share-name.ts'
import { about, name, refuseRepeated } from './scalars.ts'
import { where } from './where.ts'

const upstreamName = name({ description: 'An upstream, or a service of the registry.', example: 'shop' })

const weight = z.int().min(0).max(1_000_000)

const share = z
  .strictObject({
    upstream: upstreamName,
    name: name({
      description: 'What `split.force` and a key in KV call it. Default: the name of the upstream; one with `where` has none.',
      example: 'canary',
    }).optional(),
    weight: weight
      .meta(
        about({
          description:
            'Its part of the traffic, in relation to the others; 0: none, but for those whom `split.force` sends here.',
          default: 1,
        }),
      )
      .optional(),
    where: where.optional(),
  })
  .transform(({ upstream, name: own, weight: part, where: subset }): RouteShare => ({
    upstream,
    weight: part ?? 1,
    ...(own !== undefined && { name: own }),
    ...(subset && { where: subset }),
  }))
  .meta(about({ description: 'One part of the traffic.', example: { upstream: 'shop', weight: 1 } }))

const shares = z
  .array(share)
  .min(1, 'names no upstream: write [{ upstream: shop }]')
  .superRefine((all, context) => {
    refuseRepeated(
      all,
      (part) => shareName({ ...part, name: undefined }),
      context,
      (at) => [at, 'upstream'],
    )
    refuseRepeated(all, shareName, context, (at) => [at, all[at]?.name === undefined ? 'upstream' : 'name'])
    if (all.some(({ weight: part }) => part > 0)) return
    context.addIssue({
      code: 'custom',
      path: [0, 'weight'],
      message: 'nobody gets any traffic: give one of them a weight above 0',
    })
  })

export const to = z
  .union([upstreamName.transform((upstream): RouteShare[] => [{ upstream, weight: 1 }]), shares])
  .meta(about({ description: 'The upstream, or a split over several by weight.', example: 'shop' }))

const forceKey = requestKeyText.refine(
  (text) => text.includes(' '),
  'is nothing that can name a destination: write "header x-variant" or "cookie variant"',
)

export const split = z
  .strictObject({
    by: requestKeyText.optional().meta(
      about({
        description:
          'What users are told apart by, so that each keeps its destination, at every gateway and after restarts: `cookie NAME`, `header NAME`, `client.ip` or `path`. Who has no such cookie or header is known by its address. Default: each request is drawn.',
        example: 'cookie uid',
      }),
    ),
    force: z
      .union([forceKey.transform((key) => [key]), z.array(forceKey).min(1).max(5)])
      .optional()
      .meta(
        about({
          description:
            'Header or cookie with which a request may name its destination, whatever the weights; a name that there is not counts as none. Default: nobody may.',
          example: ['header x-variant', 'cookie variant'],
        }),
      ),
  })
  .transform(({ by, force }): SplitPolicy => ({ by: by ?? null, force: force ?? [] }))
  .meta(about({ description: 'Who gets which part of the traffic.', example: { by: 'cookie uid' } }))

/** How the traffic of a route is divided, as it stands in KV: all to one destination, or a weight for each. */
export const splitEntry = z
  .union([
    name({ description: 'The destination that gets all.', example: 'green' }).transform((all) => ({ [all]: 1 })),
    z
      .record(name({ description: 'A destination.' }), weight)
      .refine((weights) => Object.values(weights).some((part) => part > 0), 'nobody gets any traffic: give one a weight above 0'),
  ])
  .meta(about({ description: 'Who gets the traffic of a route.', example: 'green' }))
