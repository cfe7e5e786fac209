const unitNs: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** The longest that Go can tell, 292 years: what is longer is no duration. */
export const longestNs = 2 ** 63

/** Parses a duration as Go does (`1h2m3.5s`, `-1s`, `0`) into ns; for anything else returns Go's sentence about it. */
export function parseGoDurationNs(text: string): number | string {
  const quoted = JSON.stringify(text)
  const unsigned = /^[+-]/.test(text) ? text.slice(1) : text
  if (unsigned === '0') return 0
  if (unsigned === '') return `time: invalid duration ${quoted}`
  let totalNs = 0
  for (let rest = unsigned; rest !== '';) {
    const term = /^(\d+(?:\.\d*)?|\.\d+)([^\d.]*)/.exec(rest)
    if (!term) return `time: invalid duration ${quoted}`
    const [whole, count = '', unit = ''] = term
    if (unit === '') return `time: missing unit in duration ${quoted}`
    const factor = unitNs[unit]
    if (factor === undefined) return `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`
    totalNs += Number(count) * factor
    rest = rest.slice(whole.length)
  }
  if (totalNs >= longestNs) return `time: invalid duration ${quoted}`
  return text.startsWith('-') ? -totalNs : Math.round(totalNs)
}
