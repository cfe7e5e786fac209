import { z } from 'zod'
import { ruleConflicts, type MeshRule } from '../../dataplane/mesh/mesh-rules.ts'
import { isForwardingField } from '../../dataplane/http/forwarded.ts'
import { formatDurationMs } from '../../durations.ts'
import { nameProblem } from '../../name-problem.ts'
import { digestOf } from '../../secret-digest.ts'
import { builtIn } from '../built-in.ts'
import type { MeshLayer } from '../config.ts'
import { about, count, duration, fieldName, named } from './scalars.ts'

const fallback = builtIn.mesh

/** More make an edge of each pair of services, which nobody reads any more. */
const MOST_RULES = 1_000

function side(what: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const problem = text === '*' ? null : nameProblem(text)
      if (problem !== null) context.addIssue(`${problem}, or "*" for everybody`)
    })
    .meta(about({ description: what, example: 'web' }))
}

const rule = z
  .strictObject({
    from: side('The service that calls; `*`: everybody, also who is not known.'),
    to: side('The service, or declared upstream, that is called; `*`: all.'),
    allow: z.boolean().meta(about({ description: 'Whether it may.', example: true })),
  })
  .meta(about({ description: 'Whether one service may call another.', example: { from: 'web', to: 'orders', allow: true } }))

const rules = z
  .array(rule)
  .max(MOST_RULES, `has more than ${MOST_RULES} rules: use "*" for what many have in common`)
  .superRefine((all, context) => {
    for (const { at, other, from, to } of ruleConflicts(all))
      context.addIssue({ code: 'custom', path: [at], message: conflictMessage(all, { at, other, from, to }) })
  })
  .meta(
    about({
      description:
        'Who may call whom. One that names both sides stands above one that names the caller or the callee, that above one with two `*`; two that disagree and are equally near are refused.',
      example: [{ from: 'web', to: 'orders', allow: true }],
    }),
  )

function conflictMessage(all: readonly MeshRule[], { at, other, from, to }: ReturnType<typeof ruleConflicts>[number]): string {
  const [one, two] = [all[at], all[other]]
  if (one?.from === two?.from && one?.to === two?.to) return `stands at [${other}] already: take one out`
  return `and [${other}] disagree about calls from "${from}" to "${to}": add a rule with from: ${from}, to: ${to}`
}

const hashed = /^sha256:[0-9a-f]{64}$/

const caller = z
  .strictObject({
    token: z
      .string()
      .refine(
        (text) => hashed.test(text) || (!text.startsWith('sha256:') && /^[\x21-\x7e]{16,512}$/.test(text)),
        'must be a token of 16 to 512 ASCII characters, or sha256: and its 64 hex digits',
      )
      .meta(
        about({
          description: 'What the service sends with each call: as ${env:NAME} or ${file:path}, or only its hash as sha256:HEX.',
          example: '${env:WEB_MESH_TOKEN}',
        }),
      ),
  })
  .meta(about({ description: 'How a service proves who it is.', example: { token: '${env:WEB_MESH_TOKEN}' } }))

/** Calls between services by name. */
/** Which names there are, and how many services are followed for them. */
export const byName = {
  domain: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'is no domain: write lower case without a dot at the end, as in consul')
    .optional()
    .meta(
      about({
        description:
          "Domain of names like `orders.service.dc1.consul`. Default: that of the embedded registry's DNS, else consul.",
        example: fallback.domain,
      }),
    ),
  idle: duration({
    description: 'A service that is called by name only, and not any more, is followed and probed for so long.',
    default: formatDurationMs(fallback.idleMs),
    minMs: 30_000,
    maxMs: 7 * 86_400_000,
  }).optional(),
  maxServices: count({
    description: 'Services at the most that are followed only because they are called by name.',
    default: fallback.maxServices,
    min: 1,
    max: 100_000,
  }).optional(),
}

export const mesh = z
  .strictObject({
    default: z
      .enum(['allow', 'deny'])
      .optional()
      .meta(about({ description: 'What holds for calls that no rule is for.', default: fallback.default })),
    rules: rules.optional(),
    callers: named(caller, {
      description:
        'Services that are known by a token, by their names: in `tokenHeader`, or as the password of a proxy (`http://web:TOKEN@127.0.0.1:4180`). One that has no token here, but is named in a rule, is known by the address of its instances.',
      example: { web: { token: '${env:WEB_MESH_TOKEN}' } },
    })
      .superRefine(refuseSharedTokens)
      .optional(),
    tokenHeader: fieldName
      .refine((name) => !isForwardingField(name), 'is written by the gateway: take another name')
      .optional()
      .meta(
        about({
          description: 'Field that has the token; the service that is called does not see it.',
          default: fallback.tokenHeader,
        }),
      ),
    byAddress: z
      .boolean()
      .optional()
      .meta(
        about({
          description:
            'Whether services that are named in rules and have no token are known by the addresses of their instances. Whoever else runs at such an address counts as that service; loopback addresses name nobody.',
          default: fallback.byAddress,
        }),
      ),
    ...byName,
  })
  .transform(({ callers, idle, ...same }): MeshLayer => ({
    ...same,
    idleMs: idle,
    callers: callers && Object.entries(callers).map(([service, { token }]) => ({ service, digest: hexOf(token) })),
  }))
  .meta(about({ description: 'Calls between services by name: mode `mesh` of a listener.', example: { default: 'deny' } }))

/** A token that two have names neither. */
function refuseSharedTokens(callers: Readonly<Record<string, { readonly token: string }>>, context: z.RefinementCtx): void {
  const owners = new Map<string, string>()
  for (const [service, { token }] of Object.entries(callers)) {
    const owner = owners.get(hexOf(token))
    owners.set(hexOf(token), owner ?? service)
    if (owner === undefined) continue
    context.addIssue({
      code: 'custom',
      path: [service, 'token'],
      message: `is the token of "${owner}" too: give each service its own`,
    })
  }
}

/** What is kept of a token: the token itself goes nowhere. */
function hexOf(token: string): string {
  return hashed.test(token) ? token.slice(7) : digestOf(token).toString('hex')
}
