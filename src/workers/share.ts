import type { ListenerConfig, UpstreamConfig } from '../config/config.ts'
import type { Part } from './messages.ts'

/** A worker's part of a limit: all parts together are the limit, except that nobody gets less than 1 of a limit that is not 0. */
export function shareOf(limit: number, { worker, of }: Part): number {
  const share = Math.floor(limit / of) + (worker < limit % of ? 1 : 0)
  return limit === 0 ? 0 : Math.max(1, share)
}

/** An upstream's config with a worker's part of its limits. */
export function sharedUpstream(config: UpstreamConfig, part: Part): UpstreamConfig {
  const { maxConnections, maxQueued, concurrency } = config.policy
  const limits = {
    maxConnections: shareOf(maxConnections, part),
    maxQueued: shareOf(maxQueued, part),
    concurrency: concurrency && {
      ...concurrency,
      requests: shareOf(concurrency.requests, part),
      perInstance: shareOf(concurrency.perInstance, part),
      queue: shareOf(concurrency.queue, part),
    },
  }
  return { ...config, policy: { ...config.policy, ...limits } }
}

/** A listener's config with a worker's part of its limits. */
export function sharedListener(config: ListenerConfig, part: Part): ListenerConfig {
  return { ...config, limits: { ...config.limits, connections: shareOf(config.limits.connections, part) } }
}
