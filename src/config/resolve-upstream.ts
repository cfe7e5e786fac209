import { builtIn } from './built-in.ts'
import type { UpstreamConfig } from './config.ts'
import { overlay, overlayOrOff } from './overlay.ts'
import type { UpstreamDeclaration, UpstreamSettings } from './schema/upstream.ts'

/** Fills in what an upstream does not say: upstream over defaults over built-in, value by value. */
export function resolveUpstream(name: string, own: UpstreamDeclaration, defaults: UpstreamSettings): UpstreamConfig {
  const { timeouts, retry, balance, maxConnections, maxQueued, slowStartMs, panicRatio, backup } = builtIn.upstream
  const zone = nearest(own.zone, defaults.zone)
  return {
    name,
    source: own.instances ? { kind: 'static', instances: own.instances } : { kind: 'service', service: own.service ?? name },
    policy: {
      timeouts: overlay(timeouts, defaults.timeouts, own.timeouts),
      retry: overlay(retry, defaults.retry, own.retry),
      deadline: overlayOrOff(builtIn.deadline, defaults.deadline, own.deadline),
      hedge: overlayOrOff(builtIn.hedge, defaults.hedge, own.hedge),
      balance: own.balance ?? defaults.balance ?? balance,
      maxConnections: own.maxConnections ?? defaults.maxConnections ?? maxConnections,
      maxQueued: own.maxQueued ?? defaults.maxQueued ?? maxQueued,
      warmConnections: own.warmConnections ?? defaults.warmConnections ?? builtIn.upstream.warmConnections,
      pipelining: own.pipelining ?? defaults.pipelining ?? builtIn.upstream.pipelining,
      slowStartMs: own.slowStart ?? defaults.slowStart ?? slowStartMs,
      breaker: overlayOrOff(builtIn.breaker, defaults.breaker, own.breaker),
      concurrency: overlayOrOff(builtIn.concurrency, defaults.concurrency, own.concurrency),
      outlier: overlayOrOff(builtIn.outlier, defaults.outlier, own.outlier),
      panicRatio: own.panic ?? defaults.panic ?? panicRatio,
      zoneSpillBelowRatio: zone?.spillBelowRatio ?? builtIn.upstream.zoneSpillBelowRatio,
      backup: overlay(backup, nearest(own.backup, defaults.backup) ?? undefined),
    },
    zone: zone && { own: zone.own ?? null, key: zone.key },
    health: overlay(builtIn.health, defaults.health, own.health),
    brake: overlay(builtIn.brake, defaults.brake, own.brake),
  }
}

/** What is set nearest to the upstream; null: nothing, or off. */
function nearest<T>(own: T | 'off' | undefined, defaults: T | 'off' | undefined): T | null {
  const found = own ?? defaults ?? 'off'
  return found === 'off' ? null : found
}
