import type { Clock } from '../clock.ts'

/** Makes `Date` fields (RFC 9110 §6.6.1), each once a second. */
export function dateFields(clock: Clock): () => string {
  let [second, field] = [-1, '']
  return () => {
    const now = Math.floor(clock.now() / 1_000)
    if (now === second) return field
    second = now
    return (field = `Date: ${new Date(now * 1_000).toUTCString()}\r\n`)
  }
}
