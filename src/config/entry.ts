import { nameProblem } from '../name-problem.ts'
import type { InterpolationContext } from './interpolate.ts'
import { withLineBreakHint } from './lost-line-breaks.ts'
import { ConfigError } from './problem.ts'
import { routeEntry } from './schema/route.ts'
import { splitEntry } from './schema/split.ts'
import { taskEntry } from './schema/task.ts'
import { upstream } from './schema/upstream.ts'
import { validate } from './validate.ts'
import { routeOf, type EntryKind, type Written, type WrittenByKind } from './written.ts'
import { YamlSource } from './yaml-source.ts'

const MAX_ENTRY_BYTES = 512 * 1024

/** Environment variables that a KV entry may use begin like this. */
const SHARED_PREFIX = 'MESHGATE_'

/** One valid route, upstream or task from KV. */
export type ConfigEntry = {
  readonly [K in EntryKind]: { readonly kind: K; readonly source: string } & Written<WrittenByKind[K]>
}[EntryKind]

const whenEmpty: Readonly<Record<EntryKind, string>> = {
  route: 'is empty: write { match: { path: /shop/* }, to: shop }, or delete the key',
  upstream: 'is empty: write { balance: least-requests }, or delete the key',
  split: 'is empty: write green, or { blue: 90, green: 10 }, or delete the key',
  task: 'is empty: write { cron: "0 3 * * *", call: GET http://reports/run }, or delete the key',
}

interface EntryText {
  readonly text: string
  /** Names it in messages. */
  readonly source: string
}

/**
 * Parses one config entry of KV, at most 512 KiB; `source` names it in messages (`kv:gateway/routes/hello`). Throws {@link ConfigError}.
 * Who may write KV must not thereby read the gateway's secrets: of the environment it sees `MESHGATE_…` only, and of files none.
 */
export function parseEntry(kind: EntryKind, name: string, written: EntryText, context: InterpolationContext): ConfigEntry {
  const badName = nameProblem(name)
  if (badName !== null)
    throw new ConfigError([{ file: written.source, line: 1, column: 1, path: '', message: `the key's name ${badName}` }])
  try {
    return parseNamed(kind, name, written, context)
  } catch (error) {
    throw withLineBreakHint(error, written.text)
  }
}

function parseNamed(
  kind: EntryKind,
  name: string,
  { text, source: sourceName }: EntryText,
  context: InterpolationContext,
): ConfigEntry {
  const source = new YamlSource(text, {
    name: sourceName,
    maxBytes: MAX_ENTRY_BYTES,
    whenEmpty: whenEmpty[kind],
    context: sharedContext(context),
  })
  const common = { source: sourceName, place: source.placeOf([]) }
  if (kind === 'upstream') return { kind, ...common, value: { name, settings: validate(upstream, source) } }
  if (kind === 'split') return { kind, ...common, value: { name, weights: validate(splitEntry, source) } }
  if (kind === 'route') {
    const route = validate(routeEntry, source)
    refuseOtherName(typeof source.value === 'string' ? undefined : route.name, name, source)
    return { kind, ...common, value: routeOf(name, route, source.value) }
  }
  const task = validate(taskEntry, source)
  refuseOtherName(task.name, name, source)
  return { kind, ...common, value: task.named(name) }
}

function refuseOtherName(written: string | undefined, name: string, source: YamlSource): void {
  if (written === undefined || written === name) return
  throw new ConfigError([source.problemAt(['name'], `the key says "${name}": take the name out, or write name: ${name}`)])
}

/** What who may write KV may read: of the environment `MESHGATE_…` only, and of files none. */
export function sharedContext({ env }: InterpolationContext): InterpolationContext {
  return {
    env: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith(SHARED_PREFIX))),
    envHint: `in KV only variables that begin with ${SHARED_PREFIX} can be used`,
    readSecret: null,
  }
}
