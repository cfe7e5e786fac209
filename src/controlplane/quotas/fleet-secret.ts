import { randomBytes } from 'node:crypto'
import type { KvEntry, Registry } from '../../registry/registry.ts'

/** Two numbers in [0, 1). */
export type Secret = readonly [number, number]

const TEXT = /^[0-9a-f]{16}$/

/**
 * The secret that all replicas of a fleet have, from `<prefix>/quotas/secret`; made by the first one that asks. Clients do not know it; who can
 * read KV does. Throws `registry_…`, and a plain error where the key cannot be written.
 */
export async function fleetSecret({ kv }: Pick<Registry, 'kv'>, prefix: string): Promise<Secret> {
  const key = `${prefix}/quotas/secret`
  const found = await kv.get(key)
  const known = found && secretIn(found)
  if (known) return known
  // Of two who make one at once, the second is refused, and reads the first one's.
  await kv.put(key, randomBytes(8).toString('hex'), { cas: found?.modifyIndex ?? 0n })
  const made = await kv.get(key)
  const secret = made && secretIn(made)
  if (!secret) throw new Error(`${key} cannot be written`)
  return secret
}

/** Null: it is none. */
function secretIn({ value }: KvEntry): Secret | null {
  const text = value.toString('utf8')
  return TEXT.test(text) ? [numberIn(text.slice(0, 8)), numberIn(text.slice(8))] : null
}

function numberIn(hex: string): number {
  return Number.parseInt(hex, 16) / 2 ** 32
}
