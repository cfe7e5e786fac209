import { z } from 'zod'
import { regexRisk } from '../regex-risk.ts'
import { tlsSchema, type ProbeTls } from './tls-options.ts'

export interface HttpProbeOptions {
  readonly method: string
  readonly path: string
  /** The Host field; null: the address of the instance. */
  readonly host: string | null
  /** null: the port of the instance. */
  readonly port: number | null
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** The first and the last status that pass, of each range. */
  readonly statuses: readonly (readonly [number, number])[]
  /** What the body must contain; null: anything will do. */
  readonly match: string | null
  readonly tls: ProbeTls | null
}

const fallback: HttpProbeOptions = {
  method: 'GET',
  path: '/',
  host: null,
  port: null,
  headers: {},
  body: null,
  statuses: [[200, 299]],
  match: null,
  tls: null,
}

const pathSchema = z
  .string()
  .regex(/^\/[!-~]*$/, 'a path starts with "/" and has no blanks: write /healthz')
  .meta({ description: 'Path that is asked for. Redirects are not followed.', examples: ['/healthz'] })

const statusSchema = z
  .string()
  .regex(/^[1-5]\d\d(-[1-5]\d\d)?$/, 'a status is one code or a range: write "200" or "200-399", in quotes')
  .transform((text): readonly [number, number] => [Number(text.slice(0, 3)), Number(text.slice(-3))])
  .refine(([first, last]) => first <= last, 'the first code of a range is the smaller one: write "200-399"')

const tokenText = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// The probe writes these itself (RFC 9112 §6), or there is a setting for it.
const ownFields = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'te', 'upgrade', 'expect'])

const headersSchema = z
  .record(
    z.string().regex(tokenText, 'is not a header name: write letters, digits and "-"'),
    z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line of Latin text: a header field has no line breaks'),
  )
  .superRefine((fields, context) => {
    for (const name of Object.keys(fields).filter((field) => ownFields.has(field.toLowerCase())))
      context.addIssue({ code: 'custom', path: [name], message: 'is written by the probe itself: take it out (Host is `host`)' })
  })

const matchSchema = z.string().superRefine((source, context) => {
  const problem = patternProblem(source)
  if (problem !== null) context.addIssue(problem)
})

function patternProblem(source: string): string | null {
  try {
    void new RegExp(source, 'u')
  } catch (error) {
    return `is not a regular expression: ${error instanceof Error ? error.message : String(error)}`
  }
  return regexRisk(source)
}

const objectSchema = z.strictObject({
  path: pathSchema,
  method: z
    .string()
    .regex(/^[A-Z]+$/, 'a method is in capitals: write GET')
    .refine((method) => method !== 'CONNECT', 'CONNECT asks for a tunnel: write GET')
    .optional()
    .meta({ description: 'Method of the probe. Default: GET.', default: 'GET', examples: ['HEAD'] }),
  host: z
    .string()
    .regex(/^[!-~]+$/, 'a host has no blanks: write shop.example.com')
    .optional()
    .meta({ description: 'Host field of the probe. Default: the address of the instance.', examples: ['shop.example.com'] }),
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .meta({ description: 'Port that is asked. Default: that of the instance.', examples: [9090] }),
  headers: headersSchema
    .optional()
    .meta({ description: 'More fields. Default: none.', examples: [{ accept: 'application/json' }] }),
  body: z
    .string()
    .max(64 * 1024)
    .optional()
    .meta({ description: 'Body of the probe, as UTF-8. Default: none.', examples: ['{}'] }),
  status: z
    .union([statusSchema, z.array(statusSchema).min(1, 'names no status: write ["200-299"]')])
    .optional()
    .meta({
      description: 'Status codes that pass: one, a range, or a list of them. Default: 200-299.',
      default: '200-299',
      examples: ['200-399'],
    }),
  match: matchSchema.optional().meta({
    description:
      'Regular expression that the first 64 KiB of the body must match somewhere; one that could take exponential time is refused. Default: any body will do.',
    examples: ['"status": *"ok"'],
  }),
  tls: tlsSchema.optional(),
})

/** A path, or an object with more settings. */
export const httpProbeOptions = z
  .union([pathSchema, objectSchema])
  .transform((value): HttpProbeOptions => {
    if (typeof value === 'string') return { ...fallback, path: value }
    const { status, ...rest } = value
    const statuses = status === undefined ? fallback.statuses : isList(status) ? status : [status]
    const set = Object.entries(rest).filter(([, setting]) => setting !== undefined)
    return { ...fallback, ...(Object.fromEntries(set) as Partial<HttpProbeOptions>), statuses }
  })
  .meta({
    description: 'Passes when a request is answered completely and as expected. A path, or an object with more settings.',
    examples: ['/healthz'],
  })

type Range = readonly [number, number]

function isList(status: Range | readonly Range[]): status is readonly Range[] {
  return typeof status[0] !== 'number'
}
