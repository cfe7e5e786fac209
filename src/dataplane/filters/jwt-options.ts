import { z } from 'zod'
import { realmText } from './basic-auth.ts'
import { callUrl } from './bounded-caller.ts'
import { identityFieldName } from './identity-field.ts'
import { durationText } from './scalar-options.ts'

const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const
const symmetric = ['HS256', 'HS384', 'HS512'] as const

const oneOrMore = (what: z.ZodString) => z.union([what, z.array(what).min(1).max(100)])

const publicJwk = z
  .record(z.string(), z.unknown())
  .refine(
    ({ kty }) => kty === 'RSA' || kty === 'EC' || kty === 'OKP',
    'must be a public key with kty RSA, EC or OKP; for HS256 write secret',
  )
  .refine((key) => !('d' in key), 'is a private key: leave "d" and the like out, and make a new pair')
  .meta({ description: 'A public key as JWK.', examples: [{ kty: 'OKP', crv: 'Ed25519', x: '…' }] })

export const jwtOptions = z
  .strictObject({
    jwks: callUrl
      .optional()
      .meta({ description: "URL of the issuer's keys (JWKS).", examples: ['https://id.example.com/.well-known/jwks.json'] }),
    keys: z
      .array(publicJwk)
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'The keys themselves, as JWK.', examples: [[]] }),
    secret: z
      .string()
      .min(32, 'must have 32 characters or more')
      .max(4096)
      .optional()
      .meta({
        description: 'The secret of HS256 and its like, as ${env:NAME} or ${file:path}.',
        examples: ['${env:JWT_SECRET}'],
      }),
    algorithms: z
      .array(z.enum([...asymmetric, ...symmetric]))
      .min(1)
      .optional()
      .meta({
        description: 'Algorithms that are accepted. Default: RS256, PS256, ES256, EdDSA and Ed25519; with secret: HS256.',
        examples: [['ES256']],
      }),
    issuer: oneOrMore(z.string().min(1))
      .optional()
      .meta({
        description: 'Who may have issued it (iss). Default: anybody with the key.',
        examples: ['https://id.example.com'],
      }),
    audience: oneOrMore(z.string().min(1))
      .optional()
      .meta({ description: 'For whom it must be (aud): one of these. Default: for anybody.', examples: ['shop'] }),
    tolerance: durationText({ minMs: 0, maxMs: 600_000 })
      .default('10s')
      .meta({ description: 'How far the clocks may be apart, for exp and nbf. Default: 10s.', examples: ['10s'] }),
    requireExpiry: z.boolean().default(true).describe('Whether a token that never expires is refused. Default: true.'),
    cookie: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'is not a cookie name')
      .optional()
      .meta({
        description: 'Cookie in which it may come if there is no Authorization field. Default: none.',
        examples: ['token'],
      }),
    claims: z
      .record(identityFieldName, z.string().min(1).max(256))
      .default({})
      .meta({
        description:
          'Fields of the request that tell the service claims: field: claim, with dots into objects. Lists are joined by commas; what is not ASCII, and commas in lists, are percent-encoded. What the client writes there goes. Default: none.',
        examples: [{ 'X-User': 'sub' }],
      }),
    pass: z.boolean().default(true).describe('Whether the service gets the token too. Default: true.'),
    refresh: durationText({ minMs: 10_000, maxMs: 86_400_000 })
      .default('10m')
      .meta({
        description: 'How often the keys of jwks are asked for again; at once for an unknown key id. Default: 10m.',
        examples: ['10m'],
      }),
    stale: durationText({ minMs: 10_000, maxMs: 30 * 86_400_000 })
      .default('1d')
      .meta({ description: 'How long old keys of jwks serve while no new ones can be had. Default: 1d.', examples: ['1d'] }),
    realm: realmText
      .default('meshgate')
      .meta({ description: 'Realm in WWW-Authenticate. Default: meshgate.', examples: ['meshgate'] }),
  })
  .superRefine(({ jwks, keys, secret, algorithms = [] }, context) => {
    const sources = [jwks, keys, secret].filter((source) => source !== undefined).length
    if (sources !== 1) context.addIssue('needs exactly one of jwks, keys and secret')
    // A public key that is taken for a shared secret lets anybody sign.
    const wrong = algorithms.find((algorithm) => algorithm.startsWith('HS') !== (secret !== undefined))
    if (wrong !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['algorithms'],
        message: `has ${wrong}: HS… is for secret, the others are for jwks and keys`,
      })
  })
  .describe('Lets only requests with a valid JSON Web Token in (RFC 9068, Authorization: Bearer); others get 401.')

export type JwtOptions = z.infer<typeof jwtOptions>

/** The algorithms that hold when none are written. */
export function acceptedAlgorithms({ algorithms, secret }: JwtOptions): string[] {
  return algorithms ?? (secret === undefined ? ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] : ['HS256'])
}
