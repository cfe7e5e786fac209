import { Refusal } from '../refusal.ts'
import { jsonAnswer, readHeaders } from './answer.ts'
import { decodeBody, object, text } from './decode.ts'
import { parseReadOptions } from './read-options.ts'
import type { Handler } from './registry.ts'

/** Consul's own service mesh is not served here; what is asked about it is answered as by a server that has it switched off. */

const configKinds = [
  'service-defaults',
  'proxy-defaults',
  'service-router',
  'service-splitter',
  'service-resolver',
  'ingress-gateway',
  'terminating-gateway',
]

const off = 'Connect must be enabled in order to use this endpoint'

export const connectOff: Handler = () => {
  throw new Refusal(500, off)
}

/** The same from a read, which sends its headers first. */
export const connectOffToReads: Handler = () => {
  throw new Refusal(500, off, { duringRead: true })
}

export const configEntries: Handler = ({ datacenter }, { rest, query, isPretty }) => {
  parseReadOptions(query, datacenter)
  const slash = rest.indexOf('/')
  const [kind, name] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash + 1)]
  if (rest === '') return jsonAnswer([], isPretty, readHeaders(1n))
  if (!configKinds.includes(kind)) throw new Refusal(500, `invalid config entry kind: ${kind}`)
  if (name === '') return jsonAnswer([], isPretty, readHeaders(1n))
  const body = `Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name)}`
  return { status: 404, body, headers: ['Content-Type', 'text/plain; charset=utf-8', ...readHeaders(1n)] }
}

export const applyConfigEntry: Handler = (_, { body }) => {
  const refusal = 'Bad request: Request decoding failed'
  const { Kind: kind } = decodeBody(body, object({ Kind: text }, { ignoreUnknown: true }), { refusal })
  if (kind === undefined) throw new Refusal(400, `${refusal}: Payload does not contain a kind/Kind key at the top level`)
  if (!configKinds.includes(kind)) throw new Refusal(400, `${refusal}: invalid config entry kind: ${kind}`)
  throw new Refusal(500, 'this registry keeps no config entries')
}

/** What is not there is gone. */
export const deleteConfigEntry: Handler = (_, { rest, isPretty }) => {
  const [, kind = '', name = ''] = /^([^/]*)\/?(.*)$/.exec(rest) ?? []
  if (kind === '' || name === '') throw new Refusal(404, 'Must provide both a kind and name to delete')
  if (!configKinds.includes(kind)) throw new Refusal(400, `invalid config entry kind: ${kind}`)
  return jsonAnswer({}, isPretty)
}

/** Whom a sidecar may let in: it has to say who asks before it hears that there is nobody. */
export const authorize: Handler = (_, { body }) => {
  const given = decodeBody(body, object({ Target: text, ClientCertURI: text }, { ignoreUnknown: true }), {
    refusal: 'Bad request: Request decode failed',
  })
  if (!given.Target) throw new Refusal(400, 'Bad request: Target service must be specified')
  if (!given.ClientCertURI?.startsWith('spiffe://')) {
    throw new Refusal(400, 'Bad request: ClientCertURI not a valid Connect identifier')
  }
  throw new Refusal(500, off)
}

export const intentions: Handler = ({ datacenter }, { query, isPretty }) => {
  parseReadOptions(query, datacenter)
  return jsonAnswer([], isPretty, readHeaders(1n))
}

export const matchIntentions: Handler = (_, { query, isPretty }) => {
  const names = query.getAll('name')
  const by = query.get('by')
  if (by === null) throw new Refusal(500, "required query parameter 'by' not set")
  if (by !== 'source' && by !== 'destination') throw new Refusal(500, "'by' parameter must be one of 'source' or 'destination'")
  if (names.length === 0) throw new Refusal(500, "required query parameter 'name' not set")
  return jsonAnswer(Object.fromEntries(names.map((name) => [name, null])), isPretty)
}

/** Without access control everybody may call everybody. */
export const checkIntention: Handler = (_, { query, isPretty }) => {
  const missing = ['source', 'destination'].find((name) => query.getAll(name).length !== 1)
  if (missing) throw new Refusal(500, `required query parameter '${missing}' not set`)
  return jsonAnswer({ Allowed: true }, isPretty)
}

export const intentionMissing: Handler = (_, { rest }) => {
  if (rest.length !== 36) {
    throw new Refusal(400, 'Bad request: failed intention lookup: index error: UUID must be 36 characters')
  }
  throw new Refusal(404, 'Intention not found')
}

export const discoveryChain: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Bad request: Missing chain name')
  return connectOffToReads(registry, request)
}

export const gatewayServices: Handler = ({ datacenter }, { rest, query, isPretty }) => {
  if (rest === '') throw new Refusal(400, 'Missing gateway name')
  const { consistency } = parseReadOptions(query, datacenter)
  return jsonAnswer(null, isPretty, readHeaders(1n, consistency))
}
