import { Refusal } from '../refusal.ts'
import { jsonAnswer, readHeaders } from './answer.ts'
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
  if (!configKinds.includes(kind)) throw new Refusal(500, `invalid config entry kind: ${kind}`)
  if (name === '') return jsonAnswer([], isPretty, readHeaders(1n))
  const body = `Config entry not found for ${JSON.stringify(kind)} / ${JSON.stringify(name)}`
  return { status: 404, body, headers: ['Content-Type', 'text/plain; charset=utf-8', ...readHeaders(1n)] }
}

export const applyConfigEntry: Handler = () => {
  throw new Refusal(500, 'this registry keeps no config entries')
}

/** What is not there is gone. */
export const deleteConfigEntry: Handler = (_, { isPretty }) => jsonAnswer({}, isPretty)

export const intentions: Handler = ({ datacenter }, { query, isPretty }) => {
  parseReadOptions(query, datacenter)
  return jsonAnswer([], isPretty, readHeaders(1n))
}

export const matchIntentions: Handler = (_, { query, isPretty }) => {
  const names = query.getAll('name')
  if (!['source', 'destination'].includes(query.get('by') ?? '')) {
    throw new Refusal(500, "required query parameter 'by' not set")
  }
  if (names.length === 0) throw new Refusal(500, "required query parameter 'name' not set")
  return jsonAnswer(Object.fromEntries(names.map((name) => [name, null])), isPretty)
}

/** Without access control everybody may call everybody. */
export const checkIntention: Handler = (_, { query, isPretty }) => {
  const missing = ['source', 'destination'].find((name) => query.getAll(name).length !== 1)
  if (missing) throw new Refusal(500, `required query parameter '${missing}' not set`)
  return jsonAnswer({ Allowed: true }, isPretty)
}

export const intentionMissing: Handler = () => {
  throw new Refusal(404, 'Intention not found')
}

export const gatewayServices: Handler = ({ datacenter }, { rest, query, isPretty }) => {
  if (rest === '') throw new Refusal(400, 'Missing gateway name')
  const { consistency } = parseReadOptions(query, datacenter)
  return jsonAnswer(null, isPretty, readHeaders(1n, consistency))
}
