import { z } from 'zod'
import type { RequestHead } from '../exchange.ts'
import { isField } from '../../http1/field.ts'
import { digestOf, sameDigest } from '../../secret-digest.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'
import { takeParameter } from '../http/query-parameter.ts'
import { refusal } from '../reply.ts'
import { realmText } from './basic-auth.ts'
import type { FilterKind } from './filter.ts'
import { identityFieldName, setIdentity } from './identity-field.ts'
import { fieldName } from './scalar-options.ts'

const hashed = /^sha256:[0-9a-f]{64}$/

const options = z
  .strictObject({
    keys: z
      .record(
        z.string().regex(/^[\x21-\x7e]{1,128}$/, 'is not a name of a caller: write ASCII without spaces'),
        z
          .string()
          .refine(
            (key) => hashed.test(key) || (!key.startsWith('sha256:') && /^[\x21-\x7e]{16,512}$/.test(key)),
            'must be a key of 16 to 512 ASCII characters, or sha256: and its 64 hex digits',
          ),
      )
      .refine((keys) => Object.keys(keys).length > 0, 'has no key: write { partner: "${env:PARTNER_KEY}" }')
      .refine((keys) => Object.keys(keys).length <= 1000, 'has more than 1000 keys')
      .meta({
        description: 'Keys by the name of the caller: as ${env:NAME} or ${file:path}, or only their hash as sha256:HEX.',
        examples: [{ partner: '${env:PARTNER_KEY}' }],
      }),
    header: fieldName
      .nullable()
      .default('X-Api-Key')
      .meta({ description: 'Field in which it comes; null for none. Default: X-Api-Key.', examples: ['X-Api-Key'] }),
    query: z
      .string()
      .regex(/^[\w.~-]{1,128}$/, 'is not a parameter name here: write letters, digits, "-", "_" and "."')
      .optional()
      .meta({
        description: 'Query parameter in which it may come instead; such URLs end up in logs. Default: none.',
        examples: ['api_key'],
      }),
    nameField: identityFieldName.optional().meta({
      description: "Field of the request that tells the service the caller's name. Default: none.",
      examples: ['X-Caller'],
    }),
    pass: z.boolean().default(false).describe('Whether the service gets the key too. Default: false.'),
    realm: realmText
      .default('meshgate')
      .meta({ description: 'Realm in WWW-Authenticate. Default: meshgate.', examples: ['meshgate'] }),
  })
  .refine(({ header, query }) => header !== null || query !== undefined, 'needs header, query or both')
  .describe('Lets only callers with a key in; others get 401.')

/** `apiKey: { keys: { partner: "${env:PARTNER_KEY}" }, nameField: X-Caller }` */
export const apiKey: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ keys, header, query, nameField, pass, realm }) => {
    const nameOf = compileKeys(keys)
    const lowerName = header?.toLowerCase()
    const field = new FieldNames(header === null ? [] : [header])
    const challenge = ['WWW-Authenticate', `ApiKey realm="${realm}"`]
    const take = (request: RequestHead): readonly string[] => {
      const fromQuery = query === undefined ? { values: [], rest: request.query } : takeParameter(request.query, query)
      const fromHeader = lowerName === undefined ? [] : valuesOf(request.headers, lowerName)
      if (!pass) {
        request.query = fromQuery.rest
        removeFields(request.headers, field)
      }
      return [...fromHeader, ...fromQuery.values]
    }
    return {
      onRequest: (request) => {
        // Of several one could be checked here and another one be used behind.
        const [key, another] = take(request)
        const name = key === undefined || another !== undefined ? null : nameOf(key)
        const detail = another === undefined ? 'no key, or an unknown one' : 'more than one key'
        if (name === null) return refusal(request, 'unauthorized', { detail, headers: [...challenge] })
        if (nameField !== undefined) setIdentity(request.headers, nameField, name)
        return undefined
      },
    }
  },
}

/** Compares with all keys, by their hashes, so that the time tells nothing of any. */
function compileKeys(keys: Readonly<Record<string, string>>): (key: string) => string | null {
  const known = Object.entries(keys).map(([name, key]) => {
    return { name, digest: hashed.test(key) ? Buffer.from(key.slice(7), 'hex') : digestOf(key) }
  })
  return (key) => {
    const digest = digestOf(key)
    let found: string | null = null
    for (const entry of known) if (sameDigest(entry.digest, digest)) found = entry.name
    return found
  }
}

function valuesOf(headers: readonly string[], lowerName: string): readonly string[] {
  return headers.filter((_value, at) => at % 2 === 1 && isField(headers[at - 1] ?? '', lowerName))
}
