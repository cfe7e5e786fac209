import { z } from 'zod'
import type { HeaderList } from '../exchange.ts'
import { fieldOf } from '../../http1/field.ts'
import { FieldNames, removeFields, setField } from '../http/header-list.ts'
import { fieldValue } from './field-options.ts'
import type { FilterKind } from './filter.ts'
import { durationMsOf, durationText, fieldName } from './scalar-options.ts'

const policy = fieldValue.min(1, 'must not be empty').max(8192)

const options = z
  .strictObject({
    hsts: z
      .strictObject({
        maxAge: durationText({ minMs: 0, maxMs: 10 * 365 * 86_400_000 })
          .default('365d')
          .meta({ description: 'How long browsers use HTTPS only. Default: 365d.', examples: ['365d'] }),
        subdomains: z.boolean().default(false).describe('For all names below too. Default: false.'),
        preload: z.boolean().default(false).describe('Agrees to be put on the list in browsers; hard to undo. Default: false.'),
      })
      .optional()
      .meta({
        description: 'Strict-Transport-Security; only for a host that is reached by HTTPS. Default: none.',
        examples: [{ maxAge: '365d' }],
      }),
    contentTypeOptions: z.boolean().default(true).describe('X-Content-Type-Options: nosniff. Default: true.'),
    frame: z
      .enum(['DENY', 'SAMEORIGIN'])
      .nullable()
      .default('DENY')
      .describe('X-Frame-Options: who may show the page in a frame; null for no such field. Default: DENY.'),
    referrer: z
      .enum([
        'no-referrer',
        'no-referrer-when-downgrade',
        'origin',
        'origin-when-cross-origin',
        'same-origin',
        'strict-origin',
        'strict-origin-when-cross-origin',
        'unsafe-url',
      ])
      .nullable()
      .default('strict-origin-when-cross-origin')
      .describe('Referrer-Policy; null for no such field. Default: strict-origin-when-cross-origin.'),
    contentSecurityPolicy: policy
      .optional()
      .meta({ description: 'Content-Security-Policy. Default: none.', examples: ["default-src 'self'"] }),
    permissions: policy.optional().meta({ description: 'Permissions-Policy. Default: none.', examples: ['camera=()'] }),
    openerPolicy: z
      .enum(['unsafe-none', 'same-origin-allow-popups', 'same-origin', 'noopener-allow-popups'])
      .optional()
      .describe('Cross-Origin-Opener-Policy. Default: none.'),
    remove: z
      .array(fieldName)
      .max(50)
      .default(['Server', 'X-Powered-By'])
      .meta({
        description: 'Fields of the service that tell too much. Default: [Server, X-Powered-By].',
        examples: [['Server']],
      }),
    replace: z
      .boolean()
      .default(false)
      .describe(
        'Whether these fields take the place of the ones that the service sets itself. Default: false, what the service says stays.',
      ),
  })
  .describe('Fields of the response that make browsers careful.')

/** `securityHeaders: { hsts: { maxAge: 365d }, contentSecurityPolicy: "default-src 'self'" }` */
export const securityHeaders: FilterKind<z.infer<typeof options>> = {
  options,
  create: (chosen) => {
    const fields = fieldsOf(chosen)
    const names = new FieldNames(fields.map(([name]) => name))
    const all = fields.flat()
    const removed = new FieldNames(chosen.remove)
    return {
      onResponse: ({ headers }) => {
        removeFields(headers, removed)
        if (!names.isAnyIn(headers)) headers.push(...all)
        else if (chosen.replace) for (const [name, value] of fields) setField(headers, name, value)
        else addMissing(headers, fields)
      },
    }
  },
}

type Field = readonly [name: string, value: string]

function addMissing(headers: HeaderList, fields: readonly Field[]): void {
  for (const [name, value] of fields) if (fieldOf(headers, name.toLowerCase()) === undefined) headers.push(name, value)
}

function fieldsOf(chosen: z.infer<typeof options>): readonly Field[] {
  const { hsts, contentTypeOptions, frame, referrer, contentSecurityPolicy, permissions, openerPolicy } = chosen
  const seconds = hsts ? Math.floor(durationMsOf(hsts.maxAge) / 1000) : 0
  const strict = hsts && `max-age=${seconds}${hsts.subdomains ? '; includeSubDomains' : ''}${hsts.preload ? '; preload' : ''}`
  const all: readonly (readonly [string, string | null | undefined])[] = [
    ['Strict-Transport-Security', strict],
    ['X-Content-Type-Options', contentTypeOptions ? 'nosniff' : null],
    ['X-Frame-Options', frame],
    ['Referrer-Policy', referrer],
    ['Content-Security-Policy', contentSecurityPolicy],
    ['Permissions-Policy', permissions],
    ['Cross-Origin-Opener-Policy', openerPolicy],
  ]
  return all.flatMap(([name, value]) => (value ? [[name, value] as const] : []))
}
