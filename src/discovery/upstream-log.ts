import type { Upstream } from '../dataplane/upstream/upstream.ts'
import { formatDurationMs } from '../durations.ts'
import type { Logger } from '../logging.ts'

/** Tells when the breaker of an upstream opens and closes, and why. */
export function tellBreaker(upstream: Upstream, logger: Logger): void {
  upstream.onBreaker = (state, why) => {
    const event = { event: `breaker.${state}`, upstream: upstream.name, reason: why?.detail ?? null }
    if (state === 'open') logger.warn(event, `breaker open: ${why?.detail ?? ''}`)
    else logger.info(event, state === 'closed' ? 'breaker closed: the upstream has recovered' : 'breaker half open')
  }
}

interface Ejected {
  readonly upstream: string
  readonly address: string
  readonly forMs: number
  readonly reason: string
}

/** Tells that an instance is taken out for a while, and for what. */
export function logEjection(logger: Logger, ejected: Ejected): void {
  const text = `endpoint ejected for ${formatDurationMs(ejected.forMs)}: ${ejected.reason}`
  logger.warn({ event: 'endpoint.ejected', ...ejected }, text)
}
