import type { ReceiveLimits } from '../http1/receive-timer.ts'
import type { HeadLimits } from '../http1/request-reader.ts'

/** What a listener grants a client at the most. */
export interface ListenerLimits extends HeadLimits, ReceiveLimits {
  /** Open connections; more are closed at once. */
  readonly connections: number
}
