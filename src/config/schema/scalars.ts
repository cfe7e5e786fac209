import { z } from 'zod'
import { parseAddress, type Address } from '../../address.ts'
import { formatDurationMs, parseDurationMs } from '../../durations.ts'
import { nameProblem } from '../../name-problem.ts'

/** What the reference page, the editor and the error messages tell of a setting. */
export interface About {
  /** Meaning, and when to change it. */
  readonly description: string
  /** As it is written in YAML. */
  readonly default?: string | number | boolean
  readonly example?: unknown
}

/** RFC 9110 §5.6.2. */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The name of a header field. */
export const fieldName = z.string().regex(token, 'is not a header name: write letters, digits and "-"')

/** The metadata of a setting; its default is also its example if there is no other. */
export function about({ description, default: fallback, example = fallback }: About): z.GlobalMeta {
  return {
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(example === undefined ? {} : { examples: [example] }),
  }
}

const unitHint = 'ms, s, m, h or d'

/** A duration with its unit, in ms. */
export function duration({
  minMs = 1,
  maxMs = 24 * 86_400_000,
  ...what
}: About & { readonly minMs?: number; readonly maxMs?: number }) {
  return z
    .string({
      error: ({ input }) => (typeof input === 'number' ? `a duration needs a unit: write ${input}s, not ${input}` : undefined),
    })
    .transform((text, context): number => {
      const found = parseDurationMs(text)
      if (found !== null && found >= minMs && found <= maxMs) return found
      context.addIssue(durationProblem(text, found, { minMs, maxMs }))
      return z.NEVER
    })
    .meta({ ...about(what), pattern: String.raw`^(\d+(\.\d+)?(ms|s|m|h|d))+$|\$\{` })
}

function durationProblem(text: string, found: number | null, { minMs, maxMs }: { minMs: number; maxMs: number }): string {
  if (found !== null) return `"${text}" is out of range: write ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}`
  if (/^\d+(\.\d+)?$/.test(text)) return `a duration needs a unit: write ${text}s, not ${text}`
  return `"${text}" is not a duration: write a number and its unit (${unitHint}), as in 5s`
}

function lackOf(written: unknown): string {
  if (typeof written === 'number') return `a duration needs a unit: write ${written}s, or 0 for none`
  return 'is no duration: write 30s, or 0 for none'
}

/** A duration, or 0 for "no limit", in ms. */
export function durationOrOff(what: About & { readonly maxMs?: number }) {
  const none = z.literal(0, { error: ({ input }) => lackOf(input) })
  return z.union([none, duration({ ...what, minMs: 0 })]).meta(about(what))
}

/** A policy that a level above sets and this one does not want. A literal would be taken for what was meant when something inside the
 *  settings is wrong. */
export const off = z
  .string()
  .regex(/^off$/, 'expected off or settings: write off, or {} for the defaults')
  .transform((): 'off' => 'off')

/** A whole number. */
export function count({ min, max, ...what }: About & { readonly min: number; readonly max: number }) {
  return z.int().min(min).max(max).meta(about(what))
}

const port = /^\d{1,5}$/

/** A TCP port from 1; text of digits too, so that it can come from the environment. */
export function portNumber(what: About) {
  const fix = 'a port is a number from 1 to 65535: write 8080'
  return z
    .union([z.int(fix), z.string().regex(port, fix).transform(Number)])
    .refine((value) => value >= 1 && value <= 65_535, fix)
    .meta(about(what))
}

/** A share in percent, as a ratio. */
export function percent({ max, ...what }: About & { readonly max: number }) {
  return z
    .string({ error: ({ input }) => (typeof input === 'number' ? `a share needs its unit: write ${input}%` : undefined) })
    .transform((text, context): number => {
      const found = /^\d{1,3}(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN
      if (found >= 0 && found <= max) return found / 100
      context.addIssue(`"${text}" is not a share: write 0% to ${max}%, as in ${String(what.default)}`)
      return z.NEVER
    })
    .meta({ ...about(what), pattern: String.raw`^\d{1,3}(\.\d+)?%$|\$\{` })
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2 }

/** A size with its unit, in bytes. */
export function size({ minBytes, maxBytes, ...what }: About & { readonly minBytes: number; readonly maxBytes: number }) {
  return z
    .string({ error: ({ input }) => (typeof input === 'number' ? `a size needs a unit: write ${input}B or 16KiB` : undefined) })
    .transform((text, context): number => {
      const found = /^(\d{1,9})(B|KiB|MiB)$/.exec(text)
      const bytes = found ? Number(found[1]) * (unitBytes[found[2] ?? ''] ?? 0) : Number.NaN
      if (bytes >= minBytes && bytes <= maxBytes) return bytes
      context.addIssue(
        `"${text}" is not a size here: write ${minBytes}B to ${maxBytes}B, in B, KiB or MiB, as in ${String(what.default)}`,
      )
      return z.NEVER
    })
    .meta({ ...about(what), pattern: String.raw`^\d+(B|KiB|MiB)$|\$\{` })
}

/** Bytes per second with their unit, or 0 for "no limit". */
export function byteRateOrOff({ maxBytes, ...what }: About & { readonly maxBytes: number }) {
  const rate = z
    .string({
      error: ({ input }) => (typeof input === 'number' ? `a rate needs its unit: write ${input}B/s or 1KiB/s` : undefined),
    })
    .transform((text, context): number => {
      const found = /^(\d{1,9})(B|KiB|MiB)\/s$/.exec(text)
      const bytes = found ? Number(found[1]) * (unitBytes[found[2] ?? ''] ?? 0) : Number.NaN
      if (bytes >= 1 && bytes <= maxBytes) return bytes
      context.addIssue(
        `"${text}" is not a rate here: write 1B/s to ${maxBytes}B/s, in B/s, KiB/s or MiB/s, as in ${String(what.default)}, or 0`,
      )
      return z.NEVER
    })
    .meta({ ...about(what), pattern: String.raw`^\d+(B|KiB|MiB)/s$|\$\{` })
  return z.union([z.literal(0), rate]).meta(about(what))
}

/** Where we listen: `:8080` for all IPv4 addresses of the machine, `127.0.0.1:8080`, `[::1]:8080`. Port 0 is any free one. */
export function bindAddress(what: About) {
  return addressText({ ...what, fix: 'write "127.0.0.1:8080", "[::1]:8080", or ":8080" for all addresses' }, (text) =>
    parseAddress(text),
  )
}

/** Where something else listens: host and port. */
export function targetAddress(what: About) {
  return addressText({ ...what, fix: 'write host:port, as in 10.0.0.5:8080' }, (text) => {
    const found = parseAddress(text, '')
    return found && found.host !== '' && found.port > 0 ? found : null
  })
}

function addressText({ fix, ...what }: About & { readonly fix: string }, parse: (text: string) => Address | null) {
  return z
    .string({ error: ({ input }) => (typeof input === 'number' ? `expected an address, found a number: ${fix}` : undefined) })
    .transform((text, context): Address => {
      const found = parse(text)
      if (found) return found
      context.addIssue(`"${text}" is not an address: ${fix}`)
      return z.NEVER
    })
    .meta(about(what))
}

/** A name of one of our things. */
export function name(what: About) {
  return z
    .string()
    .superRefine((text, context) => {
      const problem = nameProblem(text)
      if (problem !== null) context.addIssue(problem)
    })
    .meta(about(what))
}

/** Settings by a name that people choose. */
export function named<S extends z.ZodType>(setting: S, what: About) {
  return z.record(name({ description: 'A name: letters, digits, "-", "_" and ".".' }), setting).meta(about(what))
}

/** Refuses values of a list that mean the same as an earlier one. */
export function refuseRepeated<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  context: z.RefinementCtx,
  path: (at: number) => PropertyKey[],
): void {
  const seen = new Map<string, number>()
  items.forEach((item, at) => {
    const key = keyOf(item)
    const first = seen.get(key)
    if (first === undefined) seen.set(key, at)
    else
      context.addIssue({
        code: 'custom',
        path: path(at),
        message: `"${key}" stands in [${first}] already: take one out, or rename it`,
      })
  })
}
