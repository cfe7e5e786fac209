import { z } from 'zod'
import type { Asker } from './exchange.ts'
import { callerAddress } from './http/caller-address.ts'
import { cookieOf } from './http/cookie.ts'
import { fieldOf } from '../http1/field.ts'

/** What a request is told apart by; undefined: it does not have it. */
export type RequestKey = (asker: Asker) => string | undefined

const named = /^(header|cookie) ([!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/

/** `client.ip`, `path`, `header x-user` or `cookie uid`: as config writes what requests are told apart by. It stays text. */
export const requestKeyText = z
  .string()
  .refine(
    (text) => text === 'client.ip' || text === 'path' || named.test(text),
    'is not a key of a request: write client.ip, path, "header x-user" or "cookie uid"',
  )

/** Compiles a text that has passed {@link requestKeyText}. */
export function compileRequestKey(text: string): RequestKey {
  if (text === 'path') return ({ request }) => request.path
  const [, from, name = ''] = named.exec(text) ?? []
  if (from === 'cookie') return ({ request }) => cookieOf(request.headers, name)
  const lowerName = name.toLowerCase()
  return from === 'header' ? ({ request }) => fieldOf(request.headers, lowerName) : callerAddress
}
