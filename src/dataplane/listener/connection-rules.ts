import type { Clock } from '../../clock.ts'

/** What a listener's connections look at while they run. */
export interface ConnectionRules {
  readonly clock: Clock
  /** How long a client may leave the end of an answer unread, ms. */
  readonly unreadMs: number
  /** Whether each connection ends with the answer that it is about to give. */
  draining: boolean
}
