/** Parses Retry-After (RFC 9110 §10.2.3) into ms from `now` (wall ms), ≥ 0; null: there is none, or it is neither seconds nor a date. */
export function parseRetryAfterMs(value: string | undefined, now: number): number | null {
  if (value === undefined) return null
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // Only the form that senders must use: "Sun, 06 Nov 1994 08:49:37 GMT".
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
