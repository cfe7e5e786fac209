import { Refusal } from '../refusal.ts'
import * as kv from '../store/kv.ts'
import type { KvRow } from '../store/rows.ts'
import { jsonAnswer, readHeaders, type Answer } from './answer.ts'
import type { ApiRequest } from './api-request.ts'
import { parseReadOptions, parseUint64, requireDc } from './read-options.ts'
import type { Handler } from './registry.ts'

export const getKv: Handler = ({ store: { state }, blocked, datacenter }, request) => {
  const { rest: key, query } = request
  const isList = query.has('recurse') || query.has('keys')
  if (key === '' && !isList) throw new Refusal(400, 'Missing key name')
  const options = parseReadOptions(query, datacenter)
  return blocked.answer(request, options, {
    topics: isList ? [`prefix:${key}`] : [`key:${key}`],
    read: () => {
      const found = isList ? kv.readPrefix(state, key) : kv.readKey(state, key)
      return { index: found.index, answer: () => answerOf(request, found) }
    },
  })
}

export const putKv: Handler = async ({ store, datacenter }, request) => {
  const { rest: key, query, body, isPretty } = request
  if (key === '') throw new Refusal(400, 'Missing key name')
  refuseConflicts(query, ['cas', 'acquire', 'release'])
  const entry = { key, value: body, flags: uint64(query, 'flags') ?? 0n }
  const [cas, acquire, release] = [uint64(query, 'cas'), query.get('acquire'), query.get('release')]
  requireDc(query, datacenter)
  const written = await store.write((transaction) => {
    if (cas !== null) return kv.setKeyIf(transaction, entry, cas)
    if (acquire !== null) return kv.acquireKey(transaction, entry, acquire)
    if (release !== null) return kv.releaseKey(transaction, entry, release)
    return kv.setKey(transaction, entry)
  })
  return jsonAnswer(written, isPretty)
}

export const deleteKv: Handler = async ({ store, datacenter }, { rest: key, query, isPretty }) => {
  const isTree = query.has('recurse')
  if (key === '' && !isTree) throw new Refusal(400, 'Missing key name')
  refuseConflicts(query, ['recurse', 'cas'])
  const cas = uint64(query, 'cas')
  requireDc(query, datacenter)
  const deleted = await store.write((transaction) => {
    if (isTree) return kv.deletePrefix(transaction, key)
    return cas === null ? kv.deleteKey(transaction, key) : kv.deleteKeyIf(transaction, key, cas)
  })
  return jsonAnswer(deleted, isPretty)
}

function answerOf(request: ApiRequest, { rows, index }: kv.KvRead): Answer {
  const { rest: prefix, query } = request
  const headers = readHeaders(index)
  const isRootList = prefix === '' && query.has('keys')
  if (rows.length === 0 && !isRootList) return { status: 404, body: '', headers }
  if (query.has('keys')) {
    const separator = query.get('separator') ?? query.get('seperator') ?? ''
    return jsonAnswer(keysOf(rows, prefix, separator), request.isPretty, headers)
  }
  const [first] = rows
  if (query.has('raw') && !query.has('recurse') && first) return rawAnswer(first, headers)
  if (request.isPretty) return jsonAnswer(rows.map(view), true, headers)
  return { status: 200, body: `[${rows.map(entryText).join(',')}]`, headers: ['Content-Type', 'application/json', ...headers] }
}

// A browser must not run what somebody stored.
function rawAnswer({ value }: KvRow, headers: readonly string[]): Answer {
  const safe = ['Content-Type', 'text/plain', 'X-Content-Type-Options', 'nosniff', 'Content-Security-Policy', 'sandbox']
  return { status: 200, body: value, headers: [...safe, ...headers] }
}

/** The keys, each cut behind the first separator that follows the prefix, without repetition. */
function keysOf(rows: readonly KvRow[], prefix: string, separator: string): readonly string[] {
  if (separator === '') return rows.map(({ key }) => key)
  const keys = new Set<string>()
  for (const { key } of rows) {
    const at = key.indexOf(separator, prefix.length)
    keys.add(at < 0 ? key : key.slice(0, at + separator.length))
  }
  return [...keys]
}

function view({ lockIndex, key, flags, value, session, createIndex, modifyIndex }: KvRow): object {
  return {
    LockIndex: lockIndex,
    Key: key,
    Flags: flags,
    Value: value.length === 0 ? null : value.toString('base64'),
    Session: session === '' ? undefined : session,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  }
}

/** The same as JSON, without the detour: this is what a registry does most. */
function entryText({ lockIndex, key, flags, value, session, createIndex, modifyIndex }: KvRow): string {
  const content = value.length === 0 ? 'null' : `"${value.toString('base64')}"`
  const holder = session === '' ? '' : `"Session":"${session}",`
  return `{"LockIndex":${lockIndex},"Key":${JSON.stringify(key)},"Flags":${flags},"Value":${content},${holder}"CreateIndex":${createIndex},"ModifyIndex":${modifyIndex}}`
}

function refuseConflicts(query: URLSearchParams, names: readonly string[]): void {
  if (names.filter((name) => query.has(name)).length < 2) return
  const sorted = new URLSearchParams(query)
  sorted.sort()
  throw new Refusal(400, `Conflicting flags: ${sorted.toString()}`)
}

function uint64(query: URLSearchParams, name: string): bigint | null {
  const text = query.get(name)
  if (text === null) return null
  const value = parseUint64(text)
  if (value !== null) return value
  const problem = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
  throw new Refusal(500, `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${problem}`)
}
