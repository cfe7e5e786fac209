import { randomUUID } from 'node:crypto'
import { Refusal } from '../refusal.ts'
import { serfCheckId } from '../own-node.ts'
import { findNode } from '../store/catalog-reads.ts'
import { requireSessionId } from '../store/kv.ts'
import type { SessionRow } from '../store/rows.ts'
import { createSession, endSession, readSessions, type NewSession } from '../store/sessions.ts'
import { jsonAnswer, readHeaders } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { anything, decodeBody, durationNs, listOf, object, text, type Decode } from './decode.ts'
import { parseGoDurationNs } from './go-duration.ts'
import { parseReadOptions, requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'

const defaultLockDelayNs = 15e9
const [shortestTtlNs, longestTtlNs] = [10e9, 86_400e9]

/** A duration; what is below 1000 ns counts seconds, for clients that send a number of them (Consul: session create). */
const lockDelay: Decode<number> = (value, field) => {
  const ns = durationNs(value, field)
  return ns < 1000 ? Math.trunc(ns) * 1e9 : ns
}

const sessionFields = object(
  {
    Name: text,
    Node: text,
    LockDelay: lockDelay,
    TTL: text,
    Behavior: text,
    NodeChecks: listOf(text),
    Checks: listOf(text),
    ServiceChecks: listOf(object({ ID: text, Namespace: text }, { ignoreUnknown: true }), '[]structs.ServiceCheck'),
    ID: anything,
  },
  { ignoreUnknown: true, emptyIfNull: ['NodeChecks', 'Checks'] },
)

export const createSessionOf: Handler = async ({ store, agent, datacenter }, request) => {
  const given = parseSession(request.body, agent.node)
  requireDc(request.query, datacenter)
  const session = { ...given, node: findNode(store.state, given.node)?.name ?? given.node }
  const id = await store.write((transaction) => createSession(transaction, session))
  return jsonAnswer({ ID: id }, request.isPretty)
}

export const destroySession: Handler = async ({ store, datacenter }, request) => {
  const id = requireId(request)
  requireDc(request.query, datacenter)
  requireSessionId(id)
  return jsonAnswer(await store.write((transaction) => endSession(transaction, id)), request.isPretty)
}

export const renewSession: Handler = async ({ store, expiry, datacenter }, request) => {
  const id = requireId(request)
  requireDc(request.query, datacenter)
  requireSessionId(id)
  const session = store.state.sessions.get(id)
  if (!session || !(await expiry.renew(session))) throw new Refusal(404, `Session id '${id}' not found`)
  return jsonAnswer([view(session)], request.isPretty)
}

export const sessionInfo: Handler = (registry, request) => {
  const id = requireId(request)
  parseReadOptions(request.query, registry.datacenter)
  requireSessionId(id, true)
  return listSessions({ id })(registry, request)
}

export const sessionList: Handler = (registry, request) => listSessions({})(registry, request)

export const sessionsOfNode: Handler = (registry, request) => {
  if (request.rest === '') throw new Refusal(400, 'Missing node name')
  const node = findNode(registry.store.state, request.rest)?.name ?? request.rest
  return listSessions({ node })(registry, request)
}

function listSessions(filter: { readonly id?: string; readonly node?: string }): Handler {
  return ({ store: { state }, blocked, datacenter }, request) =>
    blocked.answer(request, parseReadOptions(request.query, datacenter), {
      topics: ['sessions'],
      read: () => {
        const index = state.index('sessions')
        return { index, answer: () => jsonAnswer(readSessions(state, filter).map(view), request.isPretty, readHeaders(index)) }
      },
    })
}

function requireId({ rest }: ApiRequest): string {
  if (rest === '') throw new Refusal(400, 'Missing session')
  return rest
}

function parseSession(body: Buffer, ownNode: string): NewSession {
  const given = body.length === 0 ? {} : decodeBody(body, sessionFields)
  const ttl = given.TTL ?? ''
  const ttlNs = parseTtlNs(ttl)
  return {
    id: randomUUID(),
    name: given.Name ?? '',
    node: given.Node || ownNode,
    lockDelayNs: given.LockDelay ?? defaultLockDelayNs,
    behavior: parseBehavior(given.Behavior ?? ''),
    ttl,
    ttlMs: ttlNs / 1e6,
    ...checksOf(given.NodeChecks, given.Checks),
    serviceChecks: given.ServiceChecks?.map(({ ID = '', Namespace = '' }) => ({ ID, Namespace })) ?? null,
  }
}

/** Clients from before `NodeChecks` name `Checks`: these count beside the others. An empty list of either means none at all. */
function checksOf(
  nodeChecks: readonly string[] = [serfCheckId],
  checks?: readonly string[],
): Pick<NewSession, 'nodeChecks' | 'checks'> {
  if (nodeChecks.length === 0 || checks?.length === 0) return { nodeChecks: [] }
  return checks === undefined ? { nodeChecks } : { nodeChecks, checks }
}

function parseTtlNs(ttl: string): number {
  if (ttl === '') return 0
  const ttlNs = parseGoDurationNs(ttl)
  if (typeof ttlNs === 'string') throw new Refusal(500, `Session TTL '${ttl}' invalid: ${ttlNs}`)
  if (ttlNs !== 0 && (ttlNs < shortestTtlNs || ttlNs > longestTtlNs)) {
    throw new Refusal(500, `Invalid Session TTL '${ttlNs}', must be between [10s=24h0m0s]`)
  }
  return ttlNs
}

function parseBehavior(behavior: string): SessionRow['behavior'] {
  if (behavior === '') return 'release'
  if (behavior === 'release' || behavior === 'delete') return behavior
  throw new Refusal(500, `Invalid Behavior setting '${behavior}'`)
}

function view(session: SessionRow): object {
  return {
    ID: session.id,
    Name: session.name,
    Node: session.node,
    LockDelay: session.lockDelayNs,
    Behavior: session.behavior,
    TTL: session.ttl,
    NodeChecks: session.nodeChecks,
    ServiceChecks: session.serviceChecks,
    Checks: session.checks,
    CreateIndex: session.createIndex,
    ModifyIndex: session.modifyIndex,
  }
}
