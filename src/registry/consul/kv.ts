import { z } from 'zod'
import type { Kv, KvEntry, KvWriteOptions } from '../registry.ts'
import type { ConsulClient, ConsulReply } from './client.ts'
import { parseExactJson } from './json.ts'
import { protocolError } from './request-error.ts'

const uint64 = z.bigint().min(0n)

const entries = z.array(
  z.object({
    Key: z.string(),
    Value: z.base64().nullable(),
    Flags: uint64,
    LockIndex: uint64,
    Session: z.string().nullish(),
    CreateIndex: uint64,
    ModifyIndex: uint64,
  }),
)

/** An absent key is 404 with an index: both statuses are answers. */
export const kvStatuses: readonly number[] = [200, 404]

/** The path of a key or a prefix; its segments are encoded, its slashes are not. */
export function kvPath(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`
}

/** Reads the entries of a key or of a prefix. A 404 is "none" only with the header that says that the KV store answered. */
export function decodeEntries(reply: ConsulReply): readonly KvEntry[] {
  if (reply.status === 404 && reply.index !== null) return []
  if (reply.status === 404)
    throw protocolError('answered 404 without X-Consul-Index, so it is not the KV store that answers', reply.name)
  return parseExactJson(reply.body, entries).map((entry) => ({
    key: entry.Key,
    value: Buffer.from(entry.Value ?? '', 'base64'),
    flags: entry.Flags,
    session: entry.Session || null,
    lockIndex: entry.LockIndex,
    createIndex: entry.CreateIndex,
    modifyIndex: entry.ModifyIndex,
  }))
}

function decodeKeys(reply: ConsulReply): readonly string[] {
  return reply.status === 404 ? [] : parseExactJson(reply.body, z.array(z.string()))
}

/** The KV store of the registry (Consul: `/v1/kv`). */
export class ConsulKv implements Kv {
  readonly #client: ConsulClient

  constructor(client: ConsulClient) {
    this.#client = client
  }

  async get(key: string): Promise<KvEntry | null> {
    const found = await this.#client.send({ method: 'GET', path: kvPath(key), expect: kvStatuses }, decodeEntries)
    return found[0] ?? null
  }

  list(prefix: string): Promise<readonly KvEntry[]> {
    return this.#client.send({ method: 'GET', path: kvPath(prefix), query: { recurse: '' }, expect: kvStatuses }, decodeEntries)
  }

  keys(prefix: string): Promise<readonly string[]> {
    return this.#client.send({ method: 'GET', path: kvPath(prefix), query: { keys: '' }, expect: kvStatuses }, decodeKeys)
  }

  put(key: string, value: string | Uint8Array, options: KvWriteOptions = {}): Promise<boolean> {
    return this.#client.send({ method: 'PUT', path: kvPath(key), query: writeQuery(options), body: value }, decodeYesOrNo)
  }

  delete(key: string, options: { readonly cas?: bigint } = {}): Promise<boolean> {
    return this.#client.send({ method: 'DELETE', path: kvPath(key), query: writeQuery(options) }, decodeYesOrNo)
  }
}

function writeQuery({ cas, acquire, release }: KvWriteOptions): Record<string, string> {
  return {
    ...(cas === undefined ? {} : { cas: String(cas) }),
    ...(acquire === undefined ? {} : { acquire }),
    ...(release === undefined ? {} : { release }),
  }
}

function decodeYesOrNo(reply: ConsulReply): boolean {
  const word = reply.body.trim()
  if (word === 'true' || word === 'false') return word === 'true'
  throw protocolError(`the answer to a write is "${word.slice(0, 40)}", expected true or false`, reply.name)
}
