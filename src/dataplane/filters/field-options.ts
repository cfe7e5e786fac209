import { z } from 'zod'
import { isForwardingField } from '../http/forwarded.ts'

/** The value of a field as config may set it: visible text, spaces and tabs, no line break. */
export const fieldValue = z
  .string()
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line of Latin text: a header field has no line breaks')

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

// RFC 9110 §7.6.1 and RFC 9112 §6: these say how this connection carries the message. Setting them breaks it or smuggles another one.
const ofTheConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Why config may not set a field of that name, or null. */
export function fieldNameProblem(name: string, side: 'request' | 'response'): string | null {
  const lower = name.toLowerCase()
  if (!token.test(name)) return `"${name}" is not a header name: letters, digits and - only`
  if (ofTheConnection.has(lower)) return `"${name}" belongs to the connection; the gateway writes it by itself`
  if (side === 'response') return null
  if (lower === 'host') return '"host" says where the request goes; it is passed on as the client wrote it'
  return isForwardingField(name) ? `"${name}" is written by the gateway, from the peer and listeners.trust` : null
}

/** Reports each name that may not be set, at its own place. */
export function checkFieldNames(side: 'request' | 'response') {
  return (fields: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    for (const name of Object.keys(fields)) {
      const message = fieldNameProblem(name, side)
      if (message !== null) context.addIssue({ code: 'custom', path: [name], message })
    }
  }
}
