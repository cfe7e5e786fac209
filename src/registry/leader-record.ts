import type { KvEntry } from './registry.ts'

/** The holder of the leader lock, for people. */
export interface LeaderView {
  readonly name: string
  /** Of the gateway's process on its machine; null if the record does not say. */
  readonly pid: number | null
  readonly term: string
}

/** What the holder writes into the lock's entry. */
export function leaderText(name: string): string {
  return JSON.stringify({ name, pid: process.pid })
}

/** Who holds the lock; null: nobody. Anybody can write the entry, so its text is read with care. */
export function leaderOf({ session, value, lockIndex }: KvEntry): LeaderView | null {
  if (session === null) return null
  const written = parsed(value.toString('utf8'))
  const name = typeof written['name'] === 'string' ? written['name'] : `session ${session}`
  const pid = typeof written['pid'] === 'number' ? written['pid'] : null
  return { name, pid, term: String(lockIndex) }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    // Not ours: the holder is known by its session alone.
    return {}
  }
}
