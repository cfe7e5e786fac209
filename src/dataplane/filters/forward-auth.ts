import { z } from 'zod'
import type { Asker, HeaderList, LocalReply, RequestHead } from '../exchange.ts'
import { callerAddress } from '../http/caller-address.ts'
import { withoutHopByHop } from '../http/hop-by-hop.ts'
import { fieldOf } from '../../http1/field.ts'
import { keepFields } from '../http/header-list.ts'
import { assertFields } from '../http/legal-fields.ts'
import { refusal } from '../reply.ts'
import { BoundedCaller, callUrl, type CallAnswer } from './bounded-caller.ts'
import type { FilterKind } from './filter.ts'
import { identityFieldName, setIdentity } from './identity-field.ts'
import { bytesOf, durationMsOf, durationText, fieldName, sizeText } from './scalar-options.ts'

const names = z.array(fieldName).max(100)

const options = z
  .strictObject({
    url: callUrl.meta({
      description: 'Who is asked, by GET: 2xx lets the request on, what else it says goes to the client.',
      examples: ['http://auth.internal:9000/check'],
    }),
    requestFields: names.default(['Authorization', 'Cookie']).meta({
      description:
        'Fields of the request that it gets, beside X-Forwarded-Method, -Proto, -Host, -Uri and -For. Default: [Authorization, Cookie].',
      examples: [['Authorization']],
    }),
    upstreamFields: z
      .array(identityFieldName)
      .max(100)
      .default([])
      .meta({
        description: 'Fields of a 2xx that the service gets, in place of what the client writes there. Default: none.',
        examples: [['X-User']],
      }),
    clientFields: names.default(['Location', 'Set-Cookie', 'WWW-Authenticate', 'Content-Type', 'Retry-After']).meta({
      description:
        'Fields of a refusal that the client gets. Default: [Location, Set-Cookie, WWW-Authenticate, Content-Type, Retry-After].',
      examples: [['Location']],
    }),
    timeout: durationText({ maxMs: 60_000 })
      .default('5s')
      .meta({ description: 'For its whole answer; then the client gets 503. Default: 5s.', examples: ['5s'] }),
    maxBody: sizeText
      .default('64KiB')
      .meta({ description: 'The longest answer; with a longer one the client gets 503. Default: 64KiB.', examples: ['64KiB'] }),
    maxCalls: z
      .int()
      .min(1)
      .max(10_000)
      .default(128)
      .describe('How many requests may be asked about at once; more get 503. Default: 128.'),
  })
  .describe('Asks another service whether a request may go on. Without an answer it may not (503).')

/** `forwardAuth: { url: "http://auth.internal:9000/check", upstreamFields: [X-User] }` */
export const forwardAuth: FilterKind<z.infer<typeof options>> = {
  options,
  create: ({ url, requestFields, upstreamFields, clientFields, timeout, maxBody, maxCalls }, { clock }) => {
    const caller = new BoundedCaller({ timeoutMs: durationMsOf(timeout), maxBytes: bytesOf(maxBody), maxCalls }, clock)
    const asked = lowerSet(requestFields)
    const answered = lowerSet(clientFields)
    return {
      onRequest: async (request, asker) => {
        const answer = await caller.get(url, questionOf(request, asker, asked))
        if (answer.status < 200 || answer.status > 299) return refusalOf(request, answer, answered)
        for (const name of upstreamFields) setIdentity(request.headers, name, fieldOf(answer.headers, name.toLowerCase()) ?? null)
        return undefined
      },
      close: () => caller.close(),
    }
  },
}

function questionOf(request: RequestHead, asker: Asker, asked: ReadonlySet<string>): HeaderList {
  const { method, authority, path, query } = request
  const proto = asker.trusted ? fieldOf(request.headers, 'x-forwarded-proto') : undefined
  const host = asker.trusted ? fieldOf(request.headers, 'x-forwarded-host') : undefined
  // A field that Connection names is for one hop: it must not be seen here if the service will not see it.
  const headers = withoutHopByHop(request.headers)
  keepFields(headers, (name) => asked.has(name.toLowerCase()) && !ofTheQuestion.has(name.toLowerCase()))
  headers.push('X-Forwarded-Method', method, 'X-Forwarded-Proto', proto ?? 'http', 'X-Forwarded-Host', host ?? authority)
  headers.push('X-Forwarded-Uri', path + query, 'X-Forwarded-For', callerAddress(asker), 'X-Request-Id', request.requestId)
  return headers
}

/** What the question says by itself, or what belongs to its own connection. */
const ofTheQuestion = new Set([
  'host',
  'content-length',
  'x-forwarded-method',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-uri',
  'x-forwarded-for',
  'x-request-id',
])

/** Throws `filter_failed` for what no field may have. */
function refusalOf(request: RequestHead, { status, headers, body }: CallAnswer, answered: ReadonlySet<string>): LocalReply {
  if (status < 300 || status >= 500) return refusal(request, 'auth_unavailable', { detail: `who was asked answered ${status}` })
  const kept = withoutHopByHop(headers)
  keepFields(kept, (name) => answered.has(name) && name !== 'content-length')
  assertFields(kept)
  const code = status === 401 || status < 400 ? 'unauthorized' : 'forbidden'
  return {
    status,
    headers: kept,
    body: status === 304 ? '' : body,
    failure: { code, detail: `who was asked answered ${status}` },
  }
}

function lowerSet(fields: readonly string[]): ReadonlySet<string> {
  return new Set(fields.map((name) => name.toLowerCase()))
}
