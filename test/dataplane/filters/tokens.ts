import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { afterEach } from 'node:test'
import { SignJWT, type JWTPayload } from 'jose'
import type { Filter } from '../../../src/dataplane/filters/filter.ts'
import { answerOf, filterOf } from '../../support/filter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { requestHead } from '../../support/request-head.ts'

/** When the tests' clocks start, s. */
export const start = Date.UTC(2026, 0, 1) / 1000

/** A key pair of an issuer. */
export interface Pair {
  readonly alg: string
  readonly privateKey: KeyObject
  readonly jwk: Record<string, unknown>
}

/** Makes a new key pair. */
export function pair(alg: 'ES256' | 'RS256', kid?: string): Pair {
  const made =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...made.publicKey.export({ format: 'jwk' }), alg, ...(kid === undefined ? {} : { kid }) }
  return { alg, privateKey: made.privateKey, jwk }
}

/** A token of the pair that is valid for a minute, unless its claims say otherwise. */
export function sign({ alg, privateKey, jwk }: Pair, claims: JWTPayload = {}, header: object = {}): Promise<string> {
  const kid = jwk['kid'] as string
  return new SignJWT({ exp: start + 60, ...claims }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
}

const made: Filter[] = []
afterEach(() => made.splice(0).forEach((filter) => filter.close?.()))

/** The filter, which ends with the test. */
export function guard(options: object, clock = new ManualClock()): Filter {
  const filter = filterOf('jwt', options, { clock })
  made.push(filter)
  return filter
}

export const bearing = (token: string, ...more: string[]) =>
  requestHead({ headers: ['Authorization', `Bearer ${token}`, ...more] })

/** What the client of a token is told. */
export const statusOf = async (filter: Filter, token: string) => (await answerOf(filter, bearing(token))).status
