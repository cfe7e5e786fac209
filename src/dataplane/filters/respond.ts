import { z } from 'zod'
import { checkFieldNames, fieldValue } from './field-options.ts'
import type { FilterKind } from './filter.ts'

const options = z
  .strictObject({
    status: z.int().min(200).max(599).default(200).describe('Status of the answer, 200 to 599. Default: 200.'),
    body: z.string().default('').describe('Body of the answer, as UTF-8. Default: empty.'),
    headers: z
      .record(z.string(), fieldValue)
      .superRefine(checkFieldNames('response'))
      .default({})
      .describe('Fields of the answer. Default: content-type text/plain; charset=utf-8 when there is a body.'),
  })
  .refine(({ status, body }) => body === '' || !hasNoBody(status), {
    path: ['body'],
    message: 'must be empty: a 204, 205 or 304 has no body',
  })
  .describe('Answers by itself; no upstream is asked.')

/** `respond: { status: 503, body: "back at nine", headers: { retry-after: "3600" } }` */
export const respond: FilterKind<z.infer<typeof options>> = {
  options,
  isPure: true,
  create: ({ status, body, headers }) => {
    const fields = Object.entries(headers).flat()
    const hasType = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
    if (body !== '' && !hasType) fields.push('Content-Type', 'text/plain; charset=utf-8')
    // A copy for each answer: filters on the way back change it.
    return { onRequest: () => ({ status, headers: fields.slice(), body }) }
  },
}

/** RFC 9110 §6.4.1; 205 by §15.3.6. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}
