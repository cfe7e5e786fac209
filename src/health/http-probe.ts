import { request, type IncomingMessage } from 'node:http'
import { z } from 'zod'
import { formatAddress } from '../address.ts'
import { messageOf } from '../errors.ts'
import type { ProbeKind, ProbeResult } from './probe.ts'

/** A body is read to its end, because half an answer is a failure, but not further than this. */
const MAX_BODY_BYTES = 64 * 1024

export interface HttpProbeOptions {
  readonly path: string
  /** The Host field; null: the address of the instance. */
  readonly host: string | null
  /** The first and the last status that pass. */
  readonly status: readonly [number, number]
}

const pathSchema = z
  .string()
  .regex(/^\/[!-~]*$/, 'a path starts with "/" and has no blanks: write /healthz')
  .meta({ description: 'Path that is asked for with GET. Redirects are not followed.', examples: ['/healthz'] })

const statusSchema = z
  .string()
  .regex(/^[1-5]\d\d(-[1-5]\d\d)?$/, 'a status is one code or a range: write "200" or "200-399", in quotes')
  .transform((text): readonly [number, number] => [Number(text.slice(0, 3)), Number(text.slice(-3))])
  .refine(([first, last]) => first <= last, 'the first code of a range is the smaller one: write "200-399"')

const objectSchema = z.strictObject({
  path: pathSchema,
  host: z
    .string()
    .regex(/^[!-~]+$/, 'a host has no blanks: write shop.example.com')
    .optional()
    .meta({ description: 'Host field of the probe. Default: the address of the instance.', examples: ['shop.example.com'] }),
  status: statusSchema.optional().meta({
    description: 'Status codes that pass, one or a range. Default: 200-299.',
    default: '200-299',
    examples: ['200-399'],
  }),
})

/** Passes when a GET is answered, to the end, with a status of the accepted range. */
export const httpProbe: ProbeKind<HttpProbeOptions> = {
  options: z
    .union([pathSchema, objectSchema])
    .transform((value): HttpProbeOptions => {
      if (typeof value === 'string') return { path: value, host: null, status: [200, 299] }
      return { path: value.path, host: value.host ?? null, status: value.status ?? [200, 299] }
    })
    .meta({
      description:
        'Passes when a GET is answered completely and with an accepted status. A path, or an object with more settings.',
      examples: ['/healthz'],
    }),
  title: ({ path }) => path,
  create:
    ({ path, host, status }) =>
    (target, signal) =>
      new Promise((resolve) => {
        const asked = request({
          host: target.host,
          port: target.port,
          path,
          headers: { host: host ?? formatAddress(target), 'user-agent': 'meshgate-probe', connection: 'close' },
          // A connection of its own: a pooled one would say that the instance answers an old connection, not that it takes new ones.
          agent: false,
          signal,
        })
        asked.on('response', (response) => judge(response, status, resolve))
        asked.on('upgrade', (_response, socket) => {
          socket.destroy()
          resolve({ ok: false, detail: 'HTTP 101' })
        })
        asked.on('error', (error) => resolve({ ok: false, detail: messageOf(error) }))
        asked.end()
      }),
}

function judge(
  response: IncomingMessage,
  [first, last]: readonly [number, number],
  resolve: (result: ProbeResult) => void,
): void {
  const code = response.statusCode ?? 0
  const verdict: ProbeResult = { ok: code >= first && code <= last, detail: `HTTP ${code}` }
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes < MAX_BODY_BYTES) return
    resolve(verdict)
    response.destroy()
  })
  response.on('end', () => resolve(verdict))
  response.on('error', (error) => resolve({ ok: false, detail: `HTTP ${code}, then ${messageOf(error)}` }))
  response.on('close', () => resolve({ ok: false, detail: `HTTP ${code}, then the connection was closed` }))
}
