import type { Failure } from '../exchange.ts'

/** When it is worth to come again, ms: nobody knows, but not at once. */
const RETRY_AFTER_MS = 1_000

/** Why a request got no turn. */
export function overloaded(detail: string): Failure {
  return { code: 'upstream_overloaded', detail, retryAfterMs: RETRY_AFTER_MS }
}
