import type { Logger } from '../../logging.ts'
import type { RegisteredRoute } from './settle-claims.ts'

/** Writes into the log what has changed of the routes that services declare. */
export function tellClaims(logger: Logger, before: readonly RegisteredRoute[], now: readonly RegisteredRoute[]): void {
  const known = new Map(before.map((claim) => [keyOf(claim), claim]))
  for (const claim of now) {
    const { route, service, reason } = claim
    const old = known.get(keyOf(claim))
    known.delete(keyOf(claim))
    if (old?.state === claim.state && old.reason === reason) continue
    if (reason === null)
      logger.info({ event: 'route.registered', route, service }, `the service "${service}" declares the route ${route}`)
    else
      logger.warn(
        { event: 'route.claim_refused', route, service, reason },
        `the service "${service}" claims the route ${route}, which is refused: ${reason}`,
      )
  }
  for (const { route, service, state } of known.values()) {
    if (state === 'serving')
      logger.info({ event: 'route.unregistered', route, service }, `the service "${service}" declares the route ${route} no more`)
  }
}

function keyOf({ service, route }: RegisteredRoute): string {
  return `${service} ${route}`
}
