import type { DnsOptions } from './options.ts'

/** The TTL of a service's answers, whole s: of its name, else of the longest `prefix*` that it begins with, else 0. */
export function serviceTtlSeconds({ serviceTtlMs }: Pick<DnsOptions, 'serviceTtlMs'>, service: string): number {
  const own = Object.hasOwn(serviceTtlMs, service) ? serviceTtlMs[service] : undefined
  if (own !== undefined) return Math.floor(own / 1_000)
  let [longest, ttlMs] = [-1, 0]
  for (const [pattern, value] of Object.entries(serviceTtlMs)) {
    const prefix = pattern.slice(0, -1)
    if (!pattern.endsWith('*') || prefix.length <= longest || !service.startsWith(prefix)) continue
    ;[longest, ttlMs] = [prefix.length, value]
  }
  return Math.floor(ttlMs / 1_000)
}
