import { z } from 'zod'
import { builtIn } from '../built-in.ts'
import { about, off, percent } from './scalars.ts'
import { where } from './where.ts'

const { zoneSpillBelowRatio, backup: fallback } = builtIn.upstream

const zoneSettings = z
  .strictObject({
    own: z
      .string()
      .min(1, 'names no zone: write eu-1a, or take the line out')
      .optional()
      .meta(
        about({
          description:
            'Zone of this gateway. Default: what the meta of the node says on which the registry runs that it asks; without that, all instances are near.',
          example: '${env:ZONE}',
        }),
      ),
    key: z
      .string()
      .min(1, 'names no key: write zone')
      .default('zone')
      .meta(
        about({
          description: "Key of the instance's meta, or else of its node's, that holds its zone. An instance without it is far.",
          default: 'zone',
        }),
      ),
    spillBelow: percent({
      description:
        'With a smaller share of the near instances eligible, the far ones take what is missing: at half of this share, half of the traffic. 0%: only when no near one is left.',
      default: `${zoneSpillBelowRatio * 100}%`,
      max: 100,
    }).optional(),
  })
  .transform(({ own, key, spillBelow }) => ({ own, key, spillBelowRatio: spillBelow }))

export const zone = z.union([off, zoneSettings]).meta(
  about({
    description: 'Calls instances of its own zone first; `{}` for the defaults below.',
    default: 'off',
    example: { own: '${env:ZONE}', spillBelow: '70%' },
  }),
)

const backupSettings = z
  .strictObject({
    where: z
      .array(where)
      .min(1, 'names no group: write [{ tag: backup }]')
      .max(10)
      .meta(
        about({
          description:
            'Groups that wait, in the order in which they are needed: those that fit the first stand in for the instances that fit none, and so on.',
          example: [{ tag: 'backup' }],
        }),
      ),
    spillBelow: percent({
      description:
        'With a smaller share of a group eligible, the next one takes what is missing: at half of this share, half of the traffic. 0%: only when none of the group is left.',
      default: `${fallback.spillBelowRatio * 100}%`,
      max: 100,
    }).optional(),
  })
  .transform(({ where: groups, spillBelow }) => ({ where: groups, spillBelowRatio: spillBelow }))

export const backup = z.union([off, backupSettings]).meta(
  about({
    description: 'Instances that get traffic only when the others are not enough.',
    default: 'off',
    example: { where: [{ tag: 'backup' }] },
  }),
)
