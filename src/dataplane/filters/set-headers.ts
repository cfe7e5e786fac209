import { z } from 'zod'
import type { HeaderList } from '../exchange.ts'
import { FieldNames, removeFields, setField } from '../http/header-list.ts'
import { checkFieldNames, fieldValue } from './field-options.ts'
import type { FilterKind } from './filter.ts'

const fields = z.record(z.string(), fieldValue.nullable())

const options = z
  .strictObject({
    request: fields
      .superRefine(checkFieldNames('request'))
      .default({})
      .describe('Fields of the request to the upstream: a text replaces the field or adds it, null removes it. Default: none.'),
    response: fields
      .superRefine(checkFieldNames('response'))
      .default({})
      .describe('Fields of the response to the client: a text replaces the field or adds it, null removes it. Default: none.'),
  })
  .describe('Sets and removes header fields.')

/** `setHeaders: { request: { x-tenant: acme, x-debug: null }, response: { x-powered-by: null } }` */
export const setHeaders: FilterKind<z.infer<typeof options>> = {
  options,
  isPure: true,
  create: ({ request, response }) => {
    const [changeRequest, changeResponse] = [compileChange(request), compileChange(response)]
    return {
      onRequest: ({ headers }) => {
        changeRequest(headers)
        return undefined
      },
      onResponse: ({ headers }) => changeResponse(headers),
    }
  },
}

function compileChange(change: Readonly<Record<string, string | null>>): (headers: HeaderList) => void {
  const set = Object.entries(change).filter((field): field is [string, string] => field[1] !== null)
  const removed = new FieldNames(Object.keys(change).filter((name) => change[name] === null))
  return (headers) => {
    removeFields(headers, removed)
    for (const [name, value] of set) setField(headers, name, value)
  }
}
