import type { OutlierPolicy } from '../dataplane/upstream/outliers.ts'
import { builtIn } from './built-in.ts'
import type { UpstreamConfig } from './config.ts'
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
      balance: own.balance ?? defaults.balance ?? balance,
      maxConnections: own.maxConnections ?? defaults.maxConnections ?? maxConnections,
      maxQueued: own.maxQueued ?? defaults.maxQueued ?? maxQueued,
      slowStartMs: own.slowStart ?? defaults.slowStart ?? slowStartMs,
      outlier: outlierOf(own.outlier, defaults.outlier),
      panicRatio: own.panic ?? defaults.panic ?? panicRatio,
      zoneSpillBelowRatio: zone?.spillBelowRatio ?? builtIn.upstream.zoneSpillBelowRatio,
      backup: overlay(backup, nearest(own.backup, defaults.backup) ?? undefined),
    },
    zone: zone && { own: zone.own ?? null, key: zone.key },
    health: overlay(builtIn.health, defaults.health, own.health),
  }
}

/** What is set nearest to the upstream; null: nothing, or off. */
function nearest<T>(own: T | 'off' | undefined, defaults: T | 'off' | undefined): T | null {
  const found = own ?? defaults ?? 'off'
  return found === 'off' ? null : found
}

function outlierOf(own: UpstreamSettings['outlier'], defaults: UpstreamSettings['outlier']): OutlierPolicy | null {
  const nearest = own ?? defaults ?? 'off'
  if (nearest === 'off') return null
  return overlay(builtIn.outlier, defaults === 'off' ? undefined : defaults, nearest)
}

/** The base with every value replaced that a later layer sets. */
function overlay<T extends object>(
  base: T,
  ...layers: readonly ({ readonly [K in keyof T]?: T[K] | null | undefined } | undefined)[]
): T {
  const set = layers.flatMap((layer) => Object.entries(layer ?? {})).filter(([, value]) => value !== undefined && value !== null)
  return { ...base, ...(Object.fromEntries(set) as Partial<T>) }
}
