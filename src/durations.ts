const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const oneTerm = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/y

/** Parses `500ms`, `5s`, `1m30s`, `1.5h`, `2d` into ms; returns null for anything else, a bare number included. */
export function parseDurationMs(text: string): number | null {
  let totalMs = 0
  oneTerm.lastIndex = 0
  while (oneTerm.lastIndex < text.length) {
    const term = oneTerm.exec(text)
    if (!term) return null
    totalMs += Number(term[1]) * unitMs[term[2] as keyof typeof unitMs]
  }
  return text === '' ? null : totalMs
}

/** Writes a duration for people, in the largest unit that keeps it short: `850ms`, `1.5s`, `2m5s`, `3h`. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`
  if (durationMs < 60_000) return `${Number((durationMs / 1000).toFixed(1))}s`
  const seconds = Math.round(durationMs / 1000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return `${hours ? `${hours}h` : ''}${minutes ? `${minutes}m` : ''}${rest && !hours ? `${rest}s` : ''}`
}
