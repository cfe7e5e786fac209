import { z } from 'zod'
import type { Downstream, RequestHead, ResponseHead } from '../exchange.ts'
import { keepFields } from '../http/header-list.ts'
import { DecoratedDownstream } from './decorated-downstream.ts'
import { fieldValue } from './field-options.ts'
import type { FilterKind } from './filter.ts'

const page = z
  .strictObject({
    body: z
      .string()
      .max(1_048_576)
      .meta({
        description: 'What the client gets, with {status} and {requestId} filled in; a file as ${file:path}.',
        examples: ['<h1>{status}</h1>'],
      }),
    type: fieldValue
      .min(1)
      .default('text/html; charset=utf-8')
      .meta({ description: 'Content-Type of it. Default: text/html; charset=utf-8.', examples: ['application/json'] }),
    status: z
      .int()
      .min(200)
      .max(599)
      .optional()
      .meta({ description: 'Another status for the client. Default: it stays.', examples: [503] }),
  })
  .meta({ description: 'The page for that status.', examples: [{ body: '<h1>{status}</h1>' }] })

const options = z
  .strictObject({
    pages: z
      .record(z.string().regex(/^[45](?:\d\d|xx)$/, 'is not a status of an error: write 404, 4xx or 5xx'), page)
      .refine((pages) => Object.keys(pages).length > 0, 'has no page: write { 5xx: { body: … } }')
      .meta({
        description: 'Pages by status: `404`, or `4xx` and `5xx` for those without one.',
        examples: [{ '5xx': { body: '<h1>{status}</h1>' } }],
      }),
  })
  .describe('Replaces the bodies of errors, of the service and of the gateway.')

/** `errorPages: { pages: { 404: { body: "<h1>not here</h1>" }, 5xx: { body: "{status}, id {requestId}" } } }` */
export const errorPages: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ pages }) => {
    const byStatus = new Map(Object.entries(pages))
    const pageOf = (status: number): Page | undefined =>
      status >= 400 ? (byStatus.get(String(status)) ?? byStatus.get(`${Math.floor(status / 100)}xx`)) : undefined
    return {
      changesBody: ({ status }) => pageOf(status) !== undefined,
      onResponseBody: (downstream, request) => new PagedDownstream(downstream, request, pageOf),
    }
  },
}

type Page = z.infer<typeof page>

/** Gives the client a page in place of the body of an error. */
class PagedDownstream extends DecoratedDownstream {
  readonly #request: RequestHead
  readonly #pageOf: (status: number) => Page | undefined
  #replaced = false

  constructor(inner: Downstream, request: RequestHead, pageOf: (status: number) => Page | undefined) {
    super(inner)
    this.#request = request
    this.#pageOf = pageOf
  }

  get isHolding(): boolean {
    return !this.#replaced && (this.inner.isHolding ?? true)
  }

  override head(head: ResponseHead): void {
    const found = this.#pageOf(head.status)
    if (!found) return this.inner.head(head)
    const status = found.status ?? head.status
    const body = Buffer.from(filledIn(found.body, { status: String(status), requestId: this.#request.requestId }))
    const { headers } = head
    keepFields(headers, (name) => !tellsOfTheBody(name.toLowerCase()))
    const hasBody = status !== 204 && status !== 205 && status !== 304
    if (hasBody) headers.push('Content-Type', found.type, 'Content-Length', String(body.length))
    this.inner.head({ status, headers })
    this.#replaced = true
    if (hasBody && this.#request.method !== 'HEAD') this.inner.write(body)
  }

  override write(chunk: Uint8Array): boolean {
    return this.#replaced || this.inner.write(chunk)
  }
}

/** RFC 9110 §8: what describes the body that is replaced. */
function tellsOfTheBody(lowerName: string): boolean {
  if (lowerName === 'content-security-policy' || lowerName === 'content-security-policy-report-only') return false
  return (
    lowerName.startsWith('content-') ||
    ['etag', 'last-modified', 'accept-ranges', 'digest', 'repr-digest', 'transfer-encoding'].includes(lowerName)
  )
}

function filledIn(text: string, values: { readonly status: string; readonly requestId: string }): string {
  return text.replaceAll(/\{(status|requestId)\}/g, (_whole, name: 'status' | 'requestId') => values[name])
}
