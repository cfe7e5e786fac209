import { createLocalJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose'
import { messageOf } from '../../errors.ts'
import type { HeaderList, LocalReply, RequestHead } from '../exchange.ts'
import { cookieOf } from '../http/cookie.ts'
import { isField } from '../../http1/field.ts'
import { FieldNames, removeFields } from '../http/header-list.ts'
import { refusal } from '../reply.ts'
import type { FilterDeps, FilterKind } from './filter.ts'
import { asFieldValue, setIdentity } from './identity-field.ts'
import { acceptedAlgorithms, jwtOptions, type JwtOptions } from './jwt-options.ts'
import { RemoteKeySet } from './remote-key-set.ts'
import { durationMsOf } from './scalar-options.ts'

/** `jwt: { jwks: https://id.example.com/jwks.json, issuer: https://id.example.com, audience: shop, claims: { X-User: sub } }` */
export const jwt: FilterKind<JwtOptions> = {
  options: jwtOptions,
  create: (options, deps) => {
    const { getKey, close } = keySource(options, deps)
    const verifying = verifyOptions(options)
    const refuse = refuser(options.realm)
    const admit = (request: RequestHead, payload: JWTPayload): undefined => {
      if (!options.pass) removeFields(request.headers, authorization)
      for (const [name, claim] of Object.entries(options.claims)) setIdentity(request.headers, name, claimText(payload, claim))
    }
    return {
      onRequest: async (request) => {
        const token = tokenOf(request.headers, options.cookie)
        if (token === null) return refuse(request, 'no token')
        try {
          const now = { currentDate: new Date(deps.clock.now()) }
          const { payload } = await jwtVerify(token, getKey, { ...verifying, ...now })
          return admit(request, payload)
        } catch (error) {
          if (error instanceof errors.JOSEError) return refuse(request, messageOf(error), true)
          throw error
        }
      },
      close,
    }
  },
}

const authorization = new FieldNames(['authorization'])

/** RFC 6750 §3.1: no error is named when there was nothing to look at. */
function refuser(realm: string) {
  return (request: RequestHead, detail: string, invalid = false): LocalReply => {
    const challenge = `Bearer realm="${realm}"${invalid ? ', error="invalid_token"' : ''}`
    return refusal(request, 'unauthorized', { detail, headers: ['WWW-Authenticate', challenge] })
  }
}

function keySource(options: JwtOptions, deps: FilterDeps): { readonly getKey: JWTVerifyGetKey; readonly close: () => void } {
  const { jwks, keys, secret, refresh, stale } = options
  if (jwks !== undefined) {
    const remote = new RemoteKeySet({ url: jwks, refreshMs: durationMsOf(refresh), staleMs: durationMsOf(stale) }, deps)
    return { getKey: remote.find, close: () => remote.close() }
  }
  if (secret === undefined) return { getKey: createLocalJWKSet({ keys: keys ?? [] }), close: holdsNothing }
  const key = new TextEncoder().encode(secret)
  return { getKey: () => key, close: holdsNothing }
}

function holdsNothing(): void {}

function verifyOptions(options: JwtOptions): JWTVerifyOptions {
  const { issuer, audience, tolerance, requireExpiry } = options
  return {
    algorithms: acceptedAlgorithms(options),
    clockTolerance: durationMsOf(tolerance) / 1000,
    requiredClaims: requireExpiry ? ['exp'] : [],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  }
}

/** RFC 6750 §2.1. Two Authorization fields are none: who is behind might read the other one. */
function tokenOf(headers: HeaderList, cookie: string | undefined): string | null {
  const given = headers.filter((_value, at) => at % 2 === 1 && isField(headers[at - 1] ?? '', 'authorization'))
  if (given.length > 1) return null
  const [only] = given
  if (only === undefined) return cookie === undefined ? null : (cookieOf(headers, cookie) ?? null)
  return /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(only)?.[1] ?? null
}

function claimText(payload: JWTPayload, claim: string): string | null {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : claim.split('.').reduce(inside, payload as unknown)
  if (!Array.isArray(value)) return scalarText(value)
  const texts = value.map(scalarText).filter((text) => text !== null)
  // A comma inside one would make two of it.
  return texts.map((text) => text.replaceAll(',', '%2C')).join(',')
}

function inside(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Readonly<Record<string, unknown>>)[key]
}

function scalarText(value: unknown): string | null {
  if (typeof value === 'string') return asFieldValue(value)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}
