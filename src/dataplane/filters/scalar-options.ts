import { z } from 'zod'
import { formatDurationMs, parseDurationMs } from '../../durations.ts'

// Options stay as they were written, so that config can hand them on as plain data; a filter reads them with the parsers below when made.

/** A duration with its unit, `minMs` to `maxMs`. */
export function durationText({ minMs = 1, maxMs }: { readonly minMs?: number; readonly maxMs: number }) {
  const range = `write a duration of ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)} with its unit, as in 5s`
  return z.string().refine((text) => {
    const found = parseDurationMs(text)
    return found !== null && found >= minMs && found <= maxMs
  }, range)
}

/** A duration of an option that was validated, ms. */
export function durationMsOf(text: string): number {
  return parseDurationMs(text) ?? 0
}

/** A share, `0%` to `100%`. */
export const shareText = z.string().refine((text) => ratioOf(text) <= 1, 'write a share of 0% to 100%, as in 5%')

/** A share of an option that was validated, as a ratio; NaN for a text that is none. */
export function ratioOf(text: string): number {
  return /^\d{1,3}(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number.NaN
}

const unitBytes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** A size with its unit, 1 byte or more. */
export const sizeText = z
  .string()
  .refine((text) => bytesOf(text) >= 1, 'write a size with its unit (B, KiB, MiB, GiB), as in 10MiB')

/** A size of an option that was validated, bytes; NaN for a text that is none. */
export function bytesOf(text: string): number {
  const found = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(text)
  return found ? Number(found[1]) * (unitBytes[found[2] ?? ''] ?? Number.NaN) : Number.NaN
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A number of times per second, minute, hour or day: more than 0. */
export const rateText = z.string().refine((text) => perSecondOf(text) > 0, 'write how many per s, m, h or d, as in 100/s')

/** A rate of an option that was validated, per second; NaN for a text that is none. */
export function perSecondOf(text: string): number {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)\/([smhd])$/.exec(text)
  return found ? Number(found[1]) / (unitSeconds[found[2] ?? ''] ?? Number.NaN) : Number.NaN
}

/** A name of a header field. */
export const fieldName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'is not a header name: write letters, digits and "-"')
