import { assemble, type Assembly } from '../config/assemble.ts'
import type { ConfigEntry } from '../config/entry.ts'
import type { HotDocument } from '../config/file.ts'
import type { ConfigProblem } from '../config/problem.ts'

/** One key of config in KV. */
export interface KeyState {
  readonly text: string
  /** What it says now, if that can be parsed. */
  readonly latest: ConfigEntry | null
  /** Why it cannot be parsed. */
  readonly unparsed: readonly ConfigProblem[]
  /** The last version that served, now or before. */
  readonly lastGood: ConfigEntry | null
  /** What of it serves: the latest version, the last good one, or nothing. */
  readonly served: ConfigEntry | null
  /** Why the latest version does not serve. */
  readonly problems: readonly ConfigProblem[]
}

export type Keys = ReadonlyMap<string, KeyState>

/** How a key is named in messages. */
export function sourceOf(key: string): string {
  return `kv:${key}`
}

/**
 * Puts the file and the keys together. A key that does not fit with the others falls back to its last good version, or leaves; of two keys
 * that exclude each other the earlier one stays. All are looked at anew each time, since what one collided with may have gone.
 */
export function settleKeys(file: HotDocument, read: Keys): { readonly assembly: Assembly; readonly keys: Keys } {
  let keys: Keys = new Map([...read].map(([key, state]) => [key, hopeful(state)]))
  for (;;) {
    const assembly = assemble(file, inOrder(keys))
    const { entryProblems } = assembly
    if (entryProblems.size === 0) return { assembly, keys: new Map([...keys].map(([key, state]) => [key, remembering(state)])) }
    // Each round takes at least one version out of the game, so this ends.
    keys = new Map([...keys].map(([key, state]) => [key, demoted(state, entryProblems.get(sourceOf(key)))]))
  }
}

function hopeful(state: KeyState): KeyState {
  return { ...state, served: state.latest ?? state.lastGood, problems: state.unparsed }
}

/** An older version that a key falls back to served before the others came: it goes first. */
function inOrder(keys: Keys): readonly ConfigEntry[] {
  const states = [...keys.values()]
  const older = states.filter(({ served, latest }) => served !== latest)
  return [...older, ...states.filter(({ served, latest }) => served === latest)].flatMap(({ served }) => served ?? [])
}

function demoted(state: KeyState, collisions: readonly ConfigProblem[] | undefined): KeyState {
  if (!collisions) return state
  const { served, latest, lastGood, problems } = state
  return { ...state, served: served === latest && lastGood !== latest ? lastGood : null, problems: [...problems, ...collisions] }
}

function remembering(state: KeyState): KeyState {
  return { ...state, lastGood: state.served ?? state.lastGood }
}
