import { randomUUID } from 'node:crypto'
import { Refusal } from '../refusal.ts'
import type { QueryRow } from '../store/catalog-rows.ts'
import { putQuery, removeQuery, requireQuery, requireQueryId, resolveQuery, runQuery } from '../store/queries.ts'
import { done, jsonAnswer, readHeaders, textAnswer, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { nearNode } from './catalog-query.ts'
import { decodeQuery, queryOf, queryView } from './query-fields.ts'
import { parseReadOptions, requireDc } from './read-options.ts'
import type { Handler, Registry } from './registry.ts'
import { instanceView } from './views.ts'

export const createQuery: Handler = async ({ store, datacenter }, request) => {
  const query = queryOf(decodeQuery(request.body), { isNew: true })
  requireDc(request.query, datacenter)
  const id = await store.write((transaction) => putQuery(transaction, { ...query, id: randomUUID() }))
  return jsonAnswer({ ID: id }, request.isPretty)
}

export const listQueries: Handler = (registry, request) =>
  readQueries(registry, request, () => [...registry.store.state.queries.withPrefix('')])

/** `/v1/query/<id>`, `/v1/query/<id or name>/execute`, `/v1/query/<id or name>/explain`. */
export const getQuery: Handler = (registry, request) => {
  const [, name, action] = /^(.*)\/(execute|explain)$/s.exec(request.rest) ?? []
  if (name !== undefined) return action === 'execute' ? execute(registry, request, name) : explain(registry, request, name)
  const { rest: id, query } = request
  parseReadOptions(query, registry.datacenter)
  requireQueryId(id)
  const { queries } = registry.store.state
  const find = (): readonly QueryRow[] | null => {
    const row = queries.get(id)
    return row === undefined ? null : [row]
  }
  return find() === null ? notFound : readQueries(registry, request, find)
}

export const updateQuery: Handler = async ({ store, datacenter }, request) => {
  const refused = onlyRead(request)
  if (refused) return refused
  // Consul decodes no empty body; what is missing is found after the id.
  const given = request.body.length === 0 ? {} : decodeQuery(request.body)
  requireDc(request.query, datacenter)
  requireQuery(store.state, request.rest)
  const query = queryOf(given)
  await store.write((transaction) => {
    requireQuery(transaction.state, request.rest)
    return putQuery(transaction, { ...query, id: request.rest })
  })
  return done
}

export const deleteQuery: Handler = async ({ store, datacenter }, request) => {
  const refused = onlyRead(request)
  if (refused) return refused
  requireDc(request.query, datacenter)
  await store.write((transaction) => {
    requireQuery(transaction.state, request.rest)
    removeQuery(transaction, request.rest)
  })
  return done
}

function onlyRead({ rest, method }: ApiRequest): Answer | null {
  return /\/(?:execute|explain)$/.test(rest) ? textAnswer(405, `method ${method} not allowed`, ['Allow', 'GET']) : null
}

const notFound = textAnswer(404, 'Query not found')

function readQueries(registry: Registry, request: ApiRequest, find: () => readonly QueryRow[] | null): Answer | Promise<Answer> {
  const { store, blocked, datacenter } = registry
  const options = parseReadOptions(request.query, datacenter, { duringRead: true })
  // A query may be deleted while somebody waits for it to change.
  const answer = (index: bigint): Answer => {
    const rows = find()
    return rows === null ? notFound : jsonAnswer(rows.map(queryView), request.isPretty, readHeaders(index, options.consistency))
  }
  return blocked.answer(request, options, {
    topics: ['queries'],
    read: () => {
      const index = store.state.index('queries')
      return { index, answer: () => answer(index) }
    },
  })
}

function execute(registry: Registry, request: ApiRequest, name: string): Answer {
  const { store, datacenter, random } = registry
  const { query, isPretty } = request
  const { consistency } = parseReadOptions(query, datacenter, { duringRead: true })
  const limit = parseLimit(query)
  const found = resolveQuery(store.state, name)
  if (!found) return textAnswer(404, 'Query not found')
  const near = query.get('near') || found.service.near
  const service = query.get('connect') === 'true' ? { ...found.service, connect: true } : found.service
  const nodes = runQuery(store.state, service, { near: near && nearNode(registry, near), random })
  const body = {
    Service: service.name,
    Nodes: (limit > 0 ? nodes.slice(0, limit) : nodes).map((instance) => instanceView(instance, datacenter)),
    DNS: { TTL: found.dnsTtl },
    Datacenter: datacenter,
    Failovers: 0,
    ...meta(consistency),
  }
  return jsonAnswer(body, isPretty, readHeaders(1n, consistency))
}

function explain({ store, datacenter }: Registry, { query, isPretty }: ApiRequest, name: string): Answer {
  const { consistency } = parseReadOptions(query, datacenter, { duringRead: true })
  const found = resolveQuery(store.state, name)
  if (!found) return textAnswer(404, 'Query not found')
  return jsonAnswer({ Query: queryView(found), ...meta(consistency) }, isPretty, readHeaders(1n, consistency))
}

function meta(consistency: string): object {
  return { Index: 0, LastContact: 0, KnownLeader: true, ConsistencyLevel: consistency }
}

function parseLimit(query: URLSearchParams): number {
  const limit = query.get('limit')
  if (!limit) return 0
  if (/^[+-]?\d+$/.test(limit)) return Number(limit)
  throw new Refusal(500, `Bad limit: strconv.Atoi: parsing ${JSON.stringify(limit)}: invalid syntax`)
}
