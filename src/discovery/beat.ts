import type { KvEntry } from '../registry/registry.ts'

/** Nobody is taken for alive because it said that it beats once a year, ms. */
const LONGEST_MS = 60_000

/** What one replica tells with each beat of its pulse. */
export interface Beat {
  readonly replica: string
  /** Another one with each beat. */
  readonly count: number
  /** To its next beat, ms. */
  readonly everyMs: number
  /** By subject. */
  readonly contents: Readonly<Record<string, unknown>>
}

/** Null: it is none, or of a replica that has ended. Anybody can write there, so it is read with care. */
export function readBeat({ value, session }: KvEntry): Beat | null {
  if (session === null) return null
  try {
    const { replica, count, everyMs, contents } = JSON.parse(value.toString('utf8')) as Partial<Beat>
    const isBeat =
      typeof replica === 'string' &&
      typeof count === 'number' &&
      typeof everyMs === 'number' &&
      everyMs > 0 &&
      everyMs <= LONGEST_MS
    return isBeat && typeof contents === 'object' && contents !== null ? { replica, count, everyMs, contents } : null
  } catch {
    // Somebody else's key in our folder.
    return null
  }
}
