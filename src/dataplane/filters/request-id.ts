import { z } from 'zod'
import { setField } from '../http/header-list.ts'
import { fieldNameProblem } from './field-options.ts'
import type { FilterKind } from './filter.ts'
import { fieldName } from './scalar-options.ts'

function nameOn(side: 'request' | 'response') {
  return fieldName.superRefine((name, context) => {
    const problem = fieldNameProblem(name, side)
    if (problem !== null) context.addIssue(problem)
  })
}

const options = z
  .strictObject({
    response: nameOn('response')
      .nullable()
      .default('X-Request-Id')
      .meta({
        description: 'Field of the response that tells the client the id; null for none. Default: X-Request-Id.',
        examples: ['X-Request-Id'],
      }),
    request: nameOn('request')
      .optional()
      .meta({
        description:
          'One more field of the request that tells the service the id, beside X-Request-Id, which it always gets. Default: none.',
        examples: ['X-Correlation-Id'],
      }),
  })
  .describe(
    'Tells client and service the id under which the request stands in the log. A trusted peer may bring its own in X-Request-Id.',
  )

/** `requestId: { request: X-Correlation-Id }` */
export const requestId: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ request: toService, response: toClient }) => ({
    onRequest: ({ headers, requestId: id }) => {
      if (toService !== undefined) setField(headers, toService, id)
      return undefined
    },
    onResponse: ({ headers }, { requestId: id }) => {
      if (toClient !== null) setField(headers, toClient, id)
    },
  }),
}
