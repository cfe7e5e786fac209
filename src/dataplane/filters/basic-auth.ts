import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { RequestHead } from '../exchange.ts'
import { fieldOf, isField } from '../../http1/field.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'
import { refusal } from '../reply.ts'
import { BriefCache } from './brief-cache.ts'
import type { FilterKind } from './filter.ts'
import { identityFieldName, setIdentity } from './identity-field.ts'
import { passwordHashProblem } from './password-hash.ts'
import { PasswordThread } from './password-thread.ts'
import { durationMsOf, durationText } from './scalar-options.ts'

/** Text between quotes in a field. */
export const realmText = z.string().regex(/^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'must be ASCII without " and \\')

const options = z
  .strictObject({
    users: z
      .record(
        z.string().regex(/^[\x21-\x39\x3b-\x7e]{1,128}$/, 'is not a user name here: write ASCII without spaces and ":"'),
        z.string().superRefine((hash, context) => {
          const problem = passwordHashProblem(hash)
          if (problem !== null) context.addIssue(problem)
        }),
      )
      .refine((users) => Object.keys(users).length > 0, 'names nobody: write { alice: $2b$… }')
      .meta({
        description: 'Hashes of passwords by user: bcrypt or argon2, best as ${env:NAME} or ${file:path}.',
        examples: [{ alice: '${env:ALICE_HASH}' }],
      }),
    realm: realmText
      .default('meshgate')
      .meta({ description: 'What browsers show when they ask. Default: meshgate.', examples: ['meshgate'] }),
    userField: identityFieldName
      .optional()
      .meta({ description: 'Field of the request that tells the service the user. Default: none.', examples: ['X-User'] }),
    pass: z.boolean().default(false).describe('Whether the service gets the credentials too. Default: false.'),
    remember: durationText({ minMs: 0, maxMs: 3_600_000 })
      .default('1m')
      .meta({
        description: 'How long the result of a check is kept, as checks are slow on purpose. Default: 1m.',
        examples: ['1m'],
      }),
  })
  .describe('Lets only users with a password in (HTTP Basic); others get 401.')

/** `basicAuth: { users: { alice: "${env:ALICE_HASH}" } }` */
export const basicAuth: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ users, realm, userField, pass, remember }, { clock }) => {
    const challenge = ['WWW-Authenticate', `Basic realm="${realm}", charset="UTF-8"`]
    const check = compileCheck(users, new BriefCache({ keepMs: durationMsOf(remember), size: 1000 }, clock))
    const refuse = (request: RequestHead, detail: string) => refusal(request, 'unauthorized', { detail, headers: [...challenge] })
    const admit = ({ headers }: RequestHead, user: string): undefined => {
      if (!pass) removeFields(headers, authorization)
      if (userField !== undefined) setIdentity(headers, userField, user)
    }
    return {
      onRequest: (request) => {
        const given = credentialsOf(request.headers)
        if (!given) return refuse(request, 'no credentials, or none that can be read')
        const fits = check.run(given)
        const conclude = (ok: boolean) => (ok ? admit(request, given.user) : refuse(request, 'user or password is wrong'))
        return typeof fits === 'boolean' ? conclude(fits) : fits.then(conclude)
      },
      close: () => check.close(),
    }
  },
}

const authorization = new FieldNames(['authorization'])

interface Credentials {
  readonly user: string
  readonly password: string
}

interface Check {
  run(given: Credentials): boolean | Promise<boolean>
  close(): void
}

function compileCheck(users: Readonly<Record<string, string>>, results: BriefCache<boolean>): Check {
  const hashes = new Map(Object.entries(users))
  // An unknown user costs the same time as a known one.
  const [anyHash = ''] = hashes.values()
  const secret = randomBytes(32)
  const running = new Map<string, Promise<boolean>>()
  const thread = new PasswordThread()
  const start = async (key: string, { user, password }: Credentials): Promise<boolean> => {
    const hash = hashes.get(user)
    const fits = (await thread.check(password, hash ?? anyHash)) && hash !== undefined
    results.set(key, fits)
    return fits
  }
  return {
    run: (given) => {
      // The names have no colon, so the two cannot be cut at another place.
      const key = createHmac('sha256', secret).update(`${given.user}:${given.password}`).digest('base64')
      const known = results.get(key) ?? running.get(key)
      if (known !== undefined) return known
      const started = start(key, given).finally(() => running.delete(key))
      running.set(key, started)
      return started
    },
    close: () => thread.close(),
  }
}

/** RFC 7617 §2. Two Authorization fields are none: who is behind might read the other one. */
function credentialsOf(headers: readonly string[]): Credentials | null {
  const isRepeated = headers.filter((name, at) => at % 2 === 0 && isField(name, 'authorization')).length > 1
  const encoded = isRepeated
    ? undefined
    : /^basic +([A-Za-z0-9+/]{1,2000}={0,2}) *$/i.exec(fieldOf(headers, 'authorization') ?? '')?.[1]
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
